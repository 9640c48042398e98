// bin_head_grad_features_subgroup — gradient for the features, no logit stored, one subgroup of 8.
//
//   d_features[r, c] = sum_k d_z[r, k] weight[k, c],  d_z = p_k (a centers[s, k] - e)
//
// Layout   features [V, H, W, C]; weight [K, 1, 1, C]; bias [K] or absent; centers [V, 1, 1, K] or
//          [1, 1, 1, K]; factors [V, H, W, 8] = (maximum, 1 / sum, 0, 0, a, 0, 0, e) from
//          bin_distill_factors; d_features [V, H, W, C]
// Mapping  a workgroup owns 32 pixels of one set of centres, each invocation 4 of them, 8 apart;
//          d_z of CHUNK bins are computed 16 at a time, then used 16 channels at a time; lanes
//          share weights through subgroupBroadcast
// Memory   6 loads for 64 fma in each part; the logits are computed once
// Source   derivative of bin_head
// Twin     src/kernels/depth_bins/bin_head.ts

enable subgroups;

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
override WG: u32 = 8u; // exactly one subgroup
const PIXELS: u32 = 32u; // host: of a workgroup
const BINS: u32 = 16u; // of a tile
const CHANNELS_TILE: u32 = 16u;
const CHUNK: u32 = 64u; // bins whose d_z are kept, a multiple of BINS

// 8 KiB; each lane reads only its own writes
var<workgroup> wg_d_z: array<vec4f, CHUNK * WG>;

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

@compute @workgroup_size(WG)
fn bin_head_grad_features_subgroup(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let tiles = (params.pixels_per_center + PIXELS - 1u) / PIXELS;
    let index = group.x + group.y * groups.x;
    let center_row = index / tiles;
    let end = (center_row + 1u) * params.pixels_per_center;
    if (end > params.rows) {
        return; // the whole workgroup: the fold of the grid made one too many
    }
    // 4 pixels of one set of centres; those from the end on repeat the last and are never stored
    let first = end - params.pixels_per_center + index % tiles * PIXELS;
    let rows = first + lane + vec4u(0u, WG, 2u * WG, 3u * WG);
    let x = min(rows, vec4u(end - 1u)) * params.channels;
    let centers_start = center_row * params.bins;
    let f = factors_of(rows, end);
    for (var begin = 0u; begin < params.bins; begin += CHUNK) {
        let stop = min(begin + CHUNK, params.bins);
        for (var k0 = begin; k0 < stop; k0 += BINS) {
            let tile = logits_at(x, k0, lane);
            for (var j = 0u; j < BINS; j++) {
                // past the last bin: computed, never read
                let k = min(k0 + j, params.bins - 1u);
                let p = probabilities_at(f, k, tile.z[j]);
                wg_d_z[(k0 + j - begin) * WG + lane] = p * (f.a * centers[centers_start + k] - f.e);
            }
        }
        for (var c0 = 0u; c0 < params.channels; c0 += CHANNELS_TILE) {
            let c = min(c0 + lane + vec2u(0u, WG), vec2u(params.channels - 1u));
            // without a value Tint (webgpu 0.6.2) clears it once, not in each turn of the loop
            var sum = array<vec4f, CHANNELS_TILE>();
            for (var k = begin; k < stop; k++) {
                let low = weight[k * params.channels + c.x];
                let high = weight[k * params.channels + c.y];
                let d_z = wg_d_z[(k - begin) * WG + lane];
                sum[0] = fma(vec4f(subgroupBroadcast(low, 0u)), d_z, sum[0]);
                sum[1] = fma(vec4f(subgroupBroadcast(low, 1u)), d_z, sum[1]);
                sum[2] = fma(vec4f(subgroupBroadcast(low, 2u)), d_z, sum[2]);
                sum[3] = fma(vec4f(subgroupBroadcast(low, 3u)), d_z, sum[3]);
                sum[4] = fma(vec4f(subgroupBroadcast(low, 4u)), d_z, sum[4]);
                sum[5] = fma(vec4f(subgroupBroadcast(low, 5u)), d_z, sum[5]);
                sum[6] = fma(vec4f(subgroupBroadcast(low, 6u)), d_z, sum[6]);
                sum[7] = fma(vec4f(subgroupBroadcast(low, 7u)), d_z, sum[7]);
                sum[8] = fma(vec4f(subgroupBroadcast(high, 0u)), d_z, sum[8]);
                sum[9] = fma(vec4f(subgroupBroadcast(high, 1u)), d_z, sum[9]);
                sum[10] = fma(vec4f(subgroupBroadcast(high, 2u)), d_z, sum[10]);
                sum[11] = fma(vec4f(subgroupBroadcast(high, 3u)), d_z, sum[11]);
                sum[12] = fma(vec4f(subgroupBroadcast(high, 4u)), d_z, sum[12]);
                sum[13] = fma(vec4f(subgroupBroadcast(high, 5u)), d_z, sum[13]);
                sum[14] = fma(vec4f(subgroupBroadcast(high, 6u)), d_z, sum[14]);
                sum[15] = fma(vec4f(subgroupBroadcast(high, 7u)), d_z, sum[15]);
            }
            for (var i = 0u; i < CHANNELS_TILE; i++) {
                for (var j = 0u; j < 4u; j++) {
                    if (c0 + i < params.channels && rows[j] < end) {
                        let to = rows[j] * params.channels + c0 + i;
                        // the chunks before have left their sum
                        var start = 0.0;
                        if (begin > 0u) {
                            start = d_features[to];
                        }
                        d_features[to] = start + sum[i][j];
                    }
                }
            }
        }
    }
}
