// bin_head_grad_weight_rows — gradients for weight, bias and centres, no barrier.
//
//   d_weight[b, k, c] = sum_r d_z[r, k] features[r, c],  d_bias[b, k] = sum_r d_z[r, k]
//   d_centers[b, k] = sum_r a p_k,  pixels r of slice b;  d_z = p_k (a centers[s, k] - e)
//
// Layout   features [V, H, W, C]; weight [K, 1, 1, C]; bias [K] or absent; centers [V, 1, 1, K] or
//          [1, 1, 1, K]; factors [V, H, W, 8] = (maximum, 1 / sum, 0, 0, a, 0, 0, e) from
//          bin_distill_factors; d_weight [B, K, C], d_bias, d_centers [B, K]: B slices of SLAB
//          pixels of one set of centres; column_sum adds them in order
// Mapping  one invocation per slice, TK bins and TC channels; for adapters where barriers are
//          expensive
// Memory   the logits are recomputed for each TC channels
// Source   derivative of bin_head; slices are a fixed number of pixels, so that every adapter adds
//          in the same order
// Twin     src/kernels/depth_bins/bin_head.ts

struct Params {
    rows: u32,              // pixels of all views
    channels: u32,          // C
    bins: u32,              // K
    pixels_per_center: u32, // pixels that share one set of centres
    slabs: u32,             // of one set of centres
    all_slabs: u32,         // B
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> features: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> centers: array<f32>;
@group(0) @binding(5) var<storage, read> factors: array<f32>;
@group(0) @binding(6) var<storage, read_write> d_weight: array<f32>;
@group(0) @binding(7) var<storage, read_write> d_bias: array<f32>;
@group(0) @binding(8) var<storage, read_write> d_centers: array<f32>;

override HAS_BIAS: bool = false;
override WG: u32 = 64u; // invocations per workgroup
const SLAB: u32 = 256u; // host: pixels; part of the result's bits
const TP: u32 = 4u; // pixels of a tile
const TK: u32 = 4u; // host: bins of a tile
const TC: u32 = 16u; // host: channels of an invocation

// <lib head_logits>
/// Logits of TP pixels at TK bins.
struct Tile { z: array<array<f32, TK>, TP> }

/// Logits of the pixels and bins whose rows of features and weights start there.
fn logits_at(x: array<u32, TP>, w: array<u32, TK>, channels: u32) -> Tile {
    var tile: Tile;
    for (var c = 0u; c < channels; c++) {
        var xs: array<f32, TP>;
        for (var i = 0u; i < TP; i++) {
            xs[i] = features[x[i] + c];
        }
        for (var j = 0u; j < TK; j++) {
            let value = weight[w[j] + c];
            for (var i = 0u; i < TP; i++) {
                tile.z[i][j] += xs[i] * value;
            }
        }
    }
    return tile;
}
// </lib>

// <lib head_gradient>
/// (d_z, d_center) of a pixel's bin from its logit without bias.
fn head_gradient(row: u32, k: u32, z: f32) -> vec2f {
    let f = 8u * row;
    var offset = 0.0;
    if (HAS_BIAS) {
        offset = bias[k];
    }
    let center = centers[row / params.pixels_per_center * params.bins + k];
    let p = exp(z + offset - factors[f]) * factors[f + 1u];
    return vec2f(p * (factors[f + 4u] * center - factors[f + 7u]), factors[f + 4u] * p);
}
// </lib>

@compute @workgroup_size(WG)
fn bin_head_grad_weight_rows(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let i = (group.x + group.y * groups.x) * WG + lane;
    let channel_tiles = (params.channels + TC - 1u) / TC;
    let bin_tiles = (params.bins + TK - 1u) / TK;
    let c0 = i % channel_tiles * TC;
    let k0 = i / channel_tiles % bin_tiles * TK;
    let slab = i / channel_tiles / bin_tiles;
    if (slab >= params.all_slabs) {
        return;
    }
    let start = slab / params.slabs * params.pixels_per_center + slab % params.slabs * SLAB;
    let end = min(start + SLAB, (slab / params.slabs + 1u) * params.pixels_per_center);
    var w: array<u32, TK>;
    for (var j = 0u; j < TK; j++) {
        // past the last bin: computed, never stored
        w[j] = min(k0 + j, params.bins - 1u) * params.channels;
    }
    var sums: array<array<f32, TC>, TK>;
    var rest: array<vec2f, TK>;
    for (var first = start; first < end; first += TP) {
        var x: array<u32, TP>;
        for (var p = 0u; p < TP; p++) {
            x[p] = min(first + p, end - 1u) * params.channels;
        }
        let tile = logits_at(x, w, params.channels);
        for (var p = 0u; p < TP && first + p < end; p++) {
            var d_z: array<f32, TK>;
            for (var j = 0u; j < TK; j++) {
                let d = head_gradient(first + p, min(k0 + j, params.bins - 1u), tile.z[p][j]);
                rest[j] += d;
                d_z[j] = d.x;
            }
            for (var c = 0u; c < TC; c++) {
                let value = features[x[p] + min(c0 + c, params.channels - 1u)];
                for (var j = 0u; j < TK; j++) {
                    sums[j][c] += d_z[j] * value;
                }
            }
        }
    }
    for (var j = 0u; j < TK && k0 + j < params.bins; j++) {
        let to = slab * params.bins + k0 + j;
        for (var c = 0u; c < TC && c0 + c < params.channels; c++) {
            d_weight[to * params.channels + c0 + c] = sums[j][c];
        }
        if (c0 == 0u) {
            d_bias[to] = rest[j].x;
            d_centers[to] = rest[j].y;
        }
    }
}
