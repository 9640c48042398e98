// bin_head_grad_weight_subgroup — gradients for weight, bias and centres, one subgroup of 8.
//
//   d_weight[b, k, c] = sum_r d_z[r, k] features[r, c],  d_bias[b, k] = sum_r d_z[r, k]
//   d_centers[b, k] = sum_r a p_k,  pixels r of slice b;  d_z = p_k (a centers[s, k] - e)
//
// Layout   features [V, H, W, C]; weight [K, 1, 1, C]; bias [K] or absent; centers [V, 1, 1, K] or
//          [1, 1, 1, K]; factors [V, H, W, 8] = (maximum, 1 / sum, 0, 0, a, 0, 0, e) from
//          bin_distill_factors; d_weight [B, K, C], d_bias, d_centers [B, K]: B slices of SLAB
//          pixels of one set of centres; column_sum adds them in order
// Mapping  a workgroup owns one slice, 16 bins and 32 channels; each invocation computes d_z of 4
//          pixels, 8 apart, and adds up 4 channels, 8 apart, over the pixels of all lanes by
//          subgroupBroadcast
// Memory   6 loads for 64 fma, then 4; the logits are recomputed for each 32 channels
// Source   derivative of bin_head; slices are a fixed number of pixels, so that every adapter adds
//          in the same order
// Twin     src/kernels/depth_bins/bin_head.ts

enable subgroups;

struct Params {
    rows: u32,              // pixels of all views
    channels: u32,          // C
    bins: u32,              // K
    pixels_per_center: u32, // pixels that share one set of centres
    channel_tiles: u32,     // C / 32, rounded up
    bin_tiles: u32,         // K / BINS, rounded up
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
override WG: u32 = 8u; // exactly one subgroup
const SLAB: u32 = 256u; // host: pixels; part of the result's bits
const PIXELS: u32 = 32u;
const BINS: u32 = 16u; // host: of a tile
const CHANNELS_TILE: u32 = 32u; // host

// <lib head_logits_subgroup>
/// Logits of an invocation's four pixels at BINS bins.
struct Tile { z: array<vec4f, BINS> }

/// Logits without bias of the pixels whose features start at `x`, bins from `k0` on; past the last
/// bin, of the last. Each lane loads two of the bins' weights.
fn logits_at(x: vec4u, k0: u32, lane: u32) -> Tile {
    let w = min(k0 + lane + vec2u(0u, WG), vec2u(params.bins - 1u)) * params.channels;
    var tile: Tile; // indexed by constants only, so that it stays in registers
    for (var c = 0u; c < params.channels; c++) {
        let low = weight[w.x + c];
        let high = weight[w.y + c];
        let pixels =
            vec4f(features[x.x + c], features[x.y + c], features[x.z + c], features[x.w + c]);
        tile.z[0] = fma(vec4f(subgroupBroadcast(low, 0u)), pixels, tile.z[0]);
        tile.z[1] = fma(vec4f(subgroupBroadcast(low, 1u)), pixels, tile.z[1]);
        tile.z[2] = fma(vec4f(subgroupBroadcast(low, 2u)), pixels, tile.z[2]);
        tile.z[3] = fma(vec4f(subgroupBroadcast(low, 3u)), pixels, tile.z[3]);
        tile.z[4] = fma(vec4f(subgroupBroadcast(low, 4u)), pixels, tile.z[4]);
        tile.z[5] = fma(vec4f(subgroupBroadcast(low, 5u)), pixels, tile.z[5]);
        tile.z[6] = fma(vec4f(subgroupBroadcast(low, 6u)), pixels, tile.z[6]);
        tile.z[7] = fma(vec4f(subgroupBroadcast(low, 7u)), pixels, tile.z[7]);
        tile.z[8] = fma(vec4f(subgroupBroadcast(high, 0u)), pixels, tile.z[8]);
        tile.z[9] = fma(vec4f(subgroupBroadcast(high, 1u)), pixels, tile.z[9]);
        tile.z[10] = fma(vec4f(subgroupBroadcast(high, 2u)), pixels, tile.z[10]);
        tile.z[11] = fma(vec4f(subgroupBroadcast(high, 3u)), pixels, tile.z[11]);
        tile.z[12] = fma(vec4f(subgroupBroadcast(high, 4u)), pixels, tile.z[12]);
        tile.z[13] = fma(vec4f(subgroupBroadcast(high, 5u)), pixels, tile.z[13]);
        tile.z[14] = fma(vec4f(subgroupBroadcast(high, 6u)), pixels, tile.z[14]);
        tile.z[15] = fma(vec4f(subgroupBroadcast(high, 7u)), pixels, tile.z[15]);
    }
    return tile;
}
// </lib>

// <lib head_gradient_subgroup>
/// The numbers that four pixels share over their bins, see factors.
struct Factors {
    peak: vec4f,
    scale: vec4f, // 1 / sum; 0 for a pixel from `end` on, whose gradients then are 0
    a: vec4f,
    e: vec4f,
}

/// Factors of the pixels `rows`; from `end` on, those of the pixel before it.
fn factors_of(rows: vec4u, end: u32) -> Factors {
    var found: Factors;
    for (var i = 0u; i < 4u; i++) {
        let f = 8u * min(rows[i], end - 1u);
        found.peak[i] = factors[f];
        found.scale[i] = select(0.0, factors[f + 1u], rows[i] < end);
        found.a[i] = factors[f + 4u];
        found.e[i] = factors[f + 7u];
    }
    return found;
}

/// Probabilities of four pixels at bin `k` from their logits without bias.
fn probabilities_at(f: Factors, k: u32, z: vec4f) -> vec4f {
    var offset = 0.0;
    if (HAS_BIAS) {
        offset = bias[k];
    }
    return exp(z + offset - f.peak) * f.scale;
}
// </lib>

/// Features of a pixel at four channels; of the pixel before `end` where it is not.
fn features_at(row: u32, end: u32, c: vec4u) -> vec4f {
    let x = min(row, end - 1u) * params.channels + c;
    return vec4f(features[x.x], features[x.y], features[x.z], features[x.w]);
}

@compute @workgroup_size(WG)
fn bin_head_grad_weight_subgroup(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = group.x + group.y * groups.x;
    let c0 = index % params.channel_tiles * CHANNELS_TILE;
    let k0 = index / params.channel_tiles % params.bin_tiles * BINS;
    let slab = index / params.channel_tiles / params.bin_tiles;
    if (slab >= params.all_slabs) {
        return; // the whole workgroup: the fold of the grid made one too many
    }
    let center_row = slab / params.slabs;
    let start = center_row * params.pixels_per_center + slab % params.slabs * SLAB;
    let end = min(start + SLAB, (center_row + 1u) * params.pixels_per_center);
    // channels past the last compute the last again and are not stored
    let columns = c0 + lane + vec4u(0u, WG, 2u * WG, 3u * WG);
    let c = min(columns, vec4u(params.channels - 1u));
    var sum: array<vec4f, BINS>; // of four channels
    var d_z_sum: array<vec4f, BINS>; // of four pixels
    var d_center_sum: array<vec4f, BINS>;
    for (var first = start; first < end; first += PIXELS) {
        let rows = first + lane + vec4u(0u, WG, 2u * WG, 3u * WG);
        let f = factors_of(rows, end);
        let x = min(rows, vec4u(end - 1u)) * params.channels;
        let tile = logits_at(x, k0, lane);
        var d_z: array<vec4f, BINS>;
        for (var j = 0u; j < BINS; j++) {
            // past the last bin: computed, never stored
            let k = min(k0 + j, params.bins - 1u);
            let p = probabilities_at(f, k, tile.z[j]);
            d_z[j] = p * (f.a * centers[center_row * params.bins + k] - f.e);
            d_z_sum[j] += d_z[j];
            d_center_sum[j] += f.a * p;
        }
        for (var i = 0u; i < 4u; i++) {
            let f0 = features_at(first + WG * i + 0u, end, c);
            for (var j = 0u; j < BINS; j++) {
                sum[j] = fma(vec4f(subgroupBroadcast(d_z[j][i], 0u)), f0, sum[j]);
            }
            let f1 = features_at(first + WG * i + 1u, end, c);
            for (var j = 0u; j < BINS; j++) {
                sum[j] = fma(vec4f(subgroupBroadcast(d_z[j][i], 1u)), f1, sum[j]);
            }
            let f2 = features_at(first + WG * i + 2u, end, c);
            for (var j = 0u; j < BINS; j++) {
                sum[j] = fma(vec4f(subgroupBroadcast(d_z[j][i], 2u)), f2, sum[j]);
            }
            let f3 = features_at(first + WG * i + 3u, end, c);
            for (var j = 0u; j < BINS; j++) {
                sum[j] = fma(vec4f(subgroupBroadcast(d_z[j][i], 3u)), f3, sum[j]);
            }
            let f4 = features_at(first + WG * i + 4u, end, c);
            for (var j = 0u; j < BINS; j++) {
                sum[j] = fma(vec4f(subgroupBroadcast(d_z[j][i], 4u)), f4, sum[j]);
            }
            let f5 = features_at(first + WG * i + 5u, end, c);
            for (var j = 0u; j < BINS; j++) {
                sum[j] = fma(vec4f(subgroupBroadcast(d_z[j][i], 5u)), f5, sum[j]);
            }
            let f6 = features_at(first + WG * i + 6u, end, c);
            for (var j = 0u; j < BINS; j++) {
                sum[j] = fma(vec4f(subgroupBroadcast(d_z[j][i], 6u)), f6, sum[j]);
            }
            let f7 = features_at(first + WG * i + 7u, end, c);
            for (var j = 0u; j < BINS; j++) {
                sum[j] = fma(vec4f(subgroupBroadcast(d_z[j][i], 7u)), f7, sum[j]);
            }
        }
    }
    for (var j = 0u; j < BINS; j++) {
        let d_bias_sum = subgroupAdd(dot(d_z_sum[j], vec4f(1.0)));
        let d_centers_sum = subgroupAdd(dot(d_center_sum[j], vec4f(1.0)));
        if (k0 + j < params.bins) {
            let to = slab * params.bins + k0 + j;
            for (var i = 0u; i < 4u; i++) {
                if (columns[i] < params.channels) {
                    d_weight[to * params.channels + columns[i]] = sum[j][i];
                }
            }
            if (c0 == 0u && lane == 0u) {
                d_bias[to] = d_bias_sum;
                d_centers[to] = d_centers_sum;
            }
        }
    }
}
