// bin_head_grad_features_rows — gradient of the decoded depth for the features, no barrier.
//
//   d_features[r, c] = sum_k d_z[r, k] weight[k, c],  d_z = p_k (a centers[s, k] - e)
//
// Layout   features [V, H, W, C]; weight [K, 1, 1, C]; bias [K] or absent; centers [V, 1, 1, K] or
//          [1, 1, 1, K]; factors [V, H, W, 8] = (maximum, 1 / sum, 0, 0, a, 0, 0, e) from
//          bin_distill_factors; d_features [V, H, W, C]
// Mapping  one invocation per TP pixels and TC channels; for adapters where barriers are expensive
// Memory   the logits are recomputed for each TC channels
// Source   derivative of bin_head
// Twin     src/kernels/depth_bins/bin_head.ts

struct Params {
    rows: u32,              // pixels of all views
    channels: u32,          // C
    bins: u32,              // K
    pixels_per_center: u32, // pixels that share one set of centres
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> features: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> centers: array<f32>;
@group(0) @binding(5) var<storage, read> factors: array<f32>;
@group(0) @binding(6) var<storage, read_write> d_features: array<f32>;

override HAS_BIAS: bool = false;
override WG: u32 = 64u; // invocations per workgroup
const TP: u32 = 4u; // host: pixels of a tile
const TK: u32 = 4u; // bins of a tile
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
fn bin_head_grad_features_rows(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let i = (group.x + group.y * groups.x) * WG + lane;
    let tiles = (params.channels + TC - 1u) / TC;
    let first = i / tiles * TP;
    let c0 = i % tiles * TC;
    if (first >= params.rows) {
        return;
    }
    var row: array<u32, TP>;
    var x: array<u32, TP>;
    for (var p = 0u; p < TP; p++) {
        // past the last pixel: computed, never stored
        row[p] = min(first + p, params.rows - 1u);
        x[p] = row[p] * params.channels;
    }
    var sums: array<array<f32, TC>, TP>;
    for (var k = 0u; k < params.bins; k += TK) {
        var w: array<u32, TK>;
        for (var j = 0u; j < TK; j++) {
            w[j] = min(k + j, params.bins - 1u) * params.channels;
        }
        let tile = logits_at(x, w, params.channels);
        for (var j = 0u; j < TK && k + j < params.bins; j++) {
            var d_z: array<f32, TP>;
            for (var p = 0u; p < TP; p++) {
                d_z[p] = head_gradient(row[p], k + j, tile.z[p][j]).x;
            }
            for (var c = 0u; c < TC; c++) {
                let value = weight[w[j] + min(c0 + c, params.channels - 1u)];
                for (var p = 0u; p < TP; p++) {
                    sums[p][c] += d_z[p] * value;
                }
            }
        }
    }
    for (var p = 0u; p < TP && first + p < params.rows; p++) {
        for (var c = 0u; c < TC && c0 + c < params.channels; c++) {
            d_features[x[p] + c0 + c] = sums[p][c];
        }
    }
}
