// bin_head_grad_weight — gradients of the decoded depth for weight, bias and centres, in slices.
//
//   d_weight[b, k, c] = sum_r d_z[r, k] features[r, c],  d_bias[b, k] = sum_r d_z[r, k]
//   d_centers[b, k] = sum_r a p_k,  pixels r of slice b;  d_z = p_k (a centers[s, k] - e)
//
// Layout   features [V, H, W, C]; weight [K, 1, 1, C]; bias [K] or absent; centers [V, 1, 1, K] or
//          [1, 1, 1, K]; factors [V, H, W, 8] = (maximum, 1 / sum, 0, 0, a, 0, 0, e) from
//          bin_distill_factors; d_weight [B, K, C], d_bias, d_centers [B, K]: B slices of SLAB
//          pixels of one set of centres; column_sum adds them in order
// Mapping  one workgroup per slice, BINS_TILE bins and CHANNELS_TILE channels
// Memory   features read K / BINS_TILE times; the logits are recomputed for each CHANNELS_TILE
//          channels
// Source   derivative of bin_head; slices are a fixed number of pixels, so that every adapter adds
//          in the same order
// Twin     src/kernels/depth_bins/bin_head.ts

struct Params {
    rows: u32,              // pixels of all views
    channels: u32,          // C
    bins: u32,              // K
    pixels_per_center: u32, // pixels that share one set of centres
    channel_tiles: u32,     // C / CHANNELS_TILE, rounded up
    bin_tiles: u32,         // K / BINS_TILE, rounded up
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
const SLAB: u32 = 256u; // host: pixels; part of the result's bits
// no override: the tiles below are made for it
const WG: u32 = 64u;
const PIXELS: u32 = 64u; // of a tile
const BINS_TILE: u32 = 16u; // host
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
fn bin_head_grad_weight(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let tile = group.x + group.y * groups.x;
    let channel_tile = tile % params.channel_tiles;
    let k0 = tile / params.channel_tiles % params.bin_tiles * BINS_TILE;
    let slab = tile / params.channel_tiles / params.bin_tiles;
    if (slab >= params.all_slabs) {
        return;
    }
    let start = slab / params.slabs * params.pixels_per_center + slab % params.slabs * SLAB;
    let end = min(start + SLAB, (slab / params.slabs + 1u) * params.pixels_per_center);
    let bin0 = lane / 16u * 4u;
    let c0 = channel_tile * CHANNELS_TILE + lane % 16u * 2u;
    var sums: array<vec4f, 2>; // of 4 bins, at 2 channels
    var rest = vec2f(0.0); // of bin `lane`: bias and centre
    for (var first = start; first < end; first += PIXELS) {
        head_tile(lane, first, end, k0);
        // every lane uses the results of all lanes
        workgroupBarrier();
        for (var i = 0u; i < min(PIXELS, end - first); i++) {
            let at = i * BINS_TILE;
            let from_bin = at + bin0;
            let d_z = vec4f(wg_d_z[from_bin], wg_d_z[from_bin + 1u], wg_d_z[from_bin + 2u],
                wg_d_z[from_bin + 3u]);
            let x = (first + i) * params.channels;
            sums[0] += d_z * features[x + min(c0, params.channels - 1u)];
            sums[1] += d_z * features[x + min(c0 + 1u, params.channels - 1u)];
            if (channel_tile == 0u && lane < BINS_TILE) {
                rest += vec2f(wg_d_z[at + lane], wg_d_center[at + lane]);
            }
        }
        // the next tile is written where this one is read
        workgroupBarrier();
    }
    for (var j = 0u; j < 4u && k0 + bin0 + j < params.bins; j++) {
        for (var c = 0u; c < 2u && c0 + c < params.channels; c++) {
            let row = slab * params.bins + k0 + bin0 + j;
            d_weight[row * params.channels + c0 + c] = sums[c][j];
        }
    }
    if (channel_tile == 0u && lane < BINS_TILE && k0 + lane < params.bins) {
        d_bias[slab * params.bins + k0 + lane] = rest.x;
        d_centers[slab * params.bins + k0 + lane] = rest.y;
    }
}
