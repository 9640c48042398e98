// bin_head_grad_features — gradient of the decoded depth for the features, no logit stored.
//
//   d_features[r, c] = sum_k d_z[r, k] weight[k, c],  d_z = p_k (a centers[s, k] - e)
//
// Layout   features [V, H, W, C]; weight [K, 1, 1, C]; bias [K] or absent; centers [V, 1, 1, K] or
//          [1, 1, 1, K]; factors [V, H, W, 8] = (maximum, 1 / sum, 0, 0, a, 0, 0, e) from
//          bin_distill_factors; d_features [V, H, W, C]
// Mapping  one workgroup per PIXELS pixels and CHANNELS_TILE channels; tiles of d_z are computed in
//          workgroup memory and then read by all its lanes
// Memory   features and weight read once per tile of bins; the logits are recomputed for each
//          CHANNELS_TILE channels
// Source   derivative of bin_head
// Twin     src/kernels/depth_bins/bin_head.ts

struct Params {
    rows: u32,              // pixels of all views
    channels: u32,          // C
    bins: u32,              // K
    pixels_per_center: u32, // pixels that share one set of centres
    channel_tiles: u32,     // C / CHANNELS_TILE, rounded up
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> features: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> centers: array<f32>;
@group(0) @binding(5) var<storage, read> factors: array<f32>;
@group(0) @binding(6) var<storage, read_write> d_features: array<f32>;

override HAS_BIAS: bool = false;
// no override: the tiles below are made for it
const WG: u32 = 64u;
const PIXELS: u32 = 64u; // host: of a tile
const BINS_TILE: u32 = 16u;
const CHANNELS_TILE: u32 = 32u; // host

// 8 KiB: gradients for the logits and centres of a tile
var<workgroup> wg_d_z: array<f32, PIXELS * BINS_TILE>;
var<workgroup> wg_d_center: array<f32, PIXELS * BINS_TILE>;

// <lib head_tile>
/// Gradients of PIXELS pixels from `first` to `end` at BINS_TILE bins from `k0`: for their logits,
/// into wg_d_z, and for their centres, into wg_d_center; 0 past the ends. Each lane makes 4 x 4.
fn head_tile(lane: u32, first: u32, end: u32, k0: u32) {
    var z: array<vec4f, 4>;
    let row0 = first + lane / 4u * 4u;
    let bin0 = k0 + lane % 4u * 4u;
    let last_row = params.rows - 1u;
    let last_bin = params.bins - 1u;
    let x = min(row0 + vec4u(0u, 1u, 2u, 3u), vec4u(last_row)) * params.channels;
    let w = min(bin0 + vec4u(0u, 1u, 2u, 3u), vec4u(last_bin)) * params.channels;
    for (var c = 0u; c < params.channels; c++) {
        let ws = vec4f(weight[w.x + c], weight[w.y + c], weight[w.z + c], weight[w.w + c]);
        z[0] += features[x.x + c] * ws;
        z[1] += features[x.y + c] * ws;
        z[2] += features[x.z + c] * ws;
        z[3] += features[x.w + c] * ws;
    }
    for (var i = 0u; i < 4u; i++) {
        let row = min(row0 + i, last_row);
        let f = 8u * row;
        let center_start = row / params.pixels_per_center * params.bins;
        for (var j = 0u; j < 4u; j++) {
            let k = min(bin0 + j, last_bin);
            var offset = 0.0;
            if (HAS_BIAS) {
                offset = bias[k];
            }
            let p = exp(z[i][j] + offset - factors[f]) * factors[f + 1u];
            let d_z = p * (factors[f + 4u] * centers[center_start + k] - factors[f + 7u]);
            let inside = row0 + i < end && bin0 + j < params.bins;
            let at = (lane / 4u * 4u + i) * BINS_TILE + lane % 4u * 4u + j;
            wg_d_z[at] = select(0.0, d_z, inside);
            wg_d_center[at] = select(0.0, factors[f + 4u] * p, inside);
        }
    }
}
// </lib>

@compute @workgroup_size(WG)
fn bin_head_grad_features(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let tile = group.x + group.y * groups.x;
    let first = tile / params.channel_tiles * PIXELS;
    let row0 = lane / 4u * 4u;
    let c0 = tile % params.channel_tiles * CHANNELS_TILE + lane % 4u * 8u;
    // 4 pixels and 8 channels
    var sums: array<array<vec4f, 2>, 4>;
    for (var k0 = 0u; k0 < params.bins; k0 += BINS_TILE) {
        head_tile(lane, first, params.rows, k0);
        // every lane uses the results of all lanes
        workgroupBarrier();
        for (var j = 0u; j < min(BINS_TILE, params.bins - k0); j++) {
            var ws: array<vec4f, 2>;
            for (var c = 0u; c < 8u; c++) {
                let channel = min(c0 + c, params.channels - 1u);
                ws[c / 4u][c % 4u] = weight[(k0 + j) * params.channels + channel];
            }
            for (var i = 0u; i < 4u; i++) {
                let d_z = wg_d_z[(row0 + i) * BINS_TILE + j];
                sums[i][0] += d_z * ws[0];
                sums[i][1] += d_z * ws[1];
            }
        }
        // the next tile is written where this one is read
        workgroupBarrier();
    }
    for (var i = 0u; i < 4u; i++) {
        for (var c = 0u; c < 8u; c++) {
            let row = first + row0 + i;
            if (row < params.rows && c0 + c < params.channels) {
                d_features[row * params.channels + c0 + c] = sums[i][c / 4u][c % 4u];
            }
        }
    }
}
