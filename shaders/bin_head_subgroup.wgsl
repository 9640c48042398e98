// bin_head_subgroup — bin_head.wgsl with one subgroup of 8 per workgroup.
//
//   depth[r] = scale sum_k p_k centers[s, k],  p = softmax(z)
//   z_k = sum_c features[r, c] weight[k, c] + bias[k],  s = r / pixels_per_center
//
// Layout   features [V, H, W, C]; weight [K, 1, 1, C]; bias [K] or absent; centers [V, 1, 1, K] or
//          [1, 1, 1, K]; scale [V] or absent; depth [V, H, W, 1]; statistics [V, H, W, 4]:
//          (maximum, 1 / sum, 0, 0)
// Mapping  a workgroup owns 32 pixels of one set of centres, each invocation 4 of them, 8 apart,
//          and steps through the bins 16 at a time; per channel it loads its 4 features and 2 of
//          the 16 weights, and takes the others from its neighbours by subgroupBroadcast
// Memory   6 loads for 64 fma, see gemm_subgroup.wgsl; features are read K / 16 times, from cache
// Source   online softmax, Milakov and Gimelshein 2018 (arXiv:1805.02867); AdaBins eq. 3
// Twin     src/kernels/depth_bins/bin_head.ts

enable subgroups;

struct Params {
    rows: u32,              // pixels of all views
    channels: u32,          // C
    bins: u32,              // K
    plane: u32,             // pixels of a view
    pixels_per_center: u32, // pixels that share one set of centres
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> features: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> centers: array<f32>;
@group(0) @binding(5) var<storage, read> scale: array<f32>;
@group(0) @binding(6) var<storage, read_write> depth: array<f32>;
@group(0) @binding(7) var<storage, read_write> statistics: array<f32>;

override HAS_BIAS: bool = false;
override HAS_SCALE: bool = false;
override WG: u32 = 8u; // exactly one subgroup
const PIXELS: u32 = 32u; // host: of a workgroup
const BINS: u32 = 16u; // of a tile
const LOWEST: f32 = -1e38; // below every logit

// <lib is_finite>
/// Whether x is neither infinite nor NaN, by its exponent's bits: WGSL may assume that comparisons
/// never see either.
fn is_finite(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}
// </lib>

// <lib not_a_number>
/// NaN, for any x: made from bits at run time, since WGSL refuses it as a constant and may fold
/// the arithmetic that gives it.
fn not_a_number(x: f32) -> f32 {
    return bitcast<f32>(bitcast<u32>(x) | 0x7fc00000u);
}
// </lib>

// <lib settled_softmax>
/// (maximum, sum) of a row of logits as IEEE 754 has them: NaN both where a logit was or none is
/// above minus infinity; the sum NaN where the maximum is infinite.
fn settled(maximum: f32, sum: f32) -> vec2f {
    let finite = is_finite(maximum);
    let nothing = !is_finite(sum) || sum == 0.0;
    let nan = not_a_number(sum);
    return vec2f(select(maximum, nan, nothing && finite), select(sum, nan, nothing || !finite));
}
// </lib>

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

@compute @workgroup_size(WG)
fn bin_head_subgroup(
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
    var peak = vec4f(LOWEST);
    var total = vec4f();
    var weighted = vec4f();
    for (var k0 = 0u; k0 < params.bins; k0 += BINS) {
        var tile = logits_at(x, k0, lane);
        var high = peak;
        for (var j = 0u; j < BINS; j++) {
            var offset = 0.0;
            if (HAS_BIAS) {
                offset = bias[min(k0 + j, params.bins - 1u)];
            }
            tile.z[j] = select(vec4f(LOWEST), tile.z[j] + offset, k0 + j < params.bins);
            high = max(high, tile.z[j]);
        }
        // rescale the running sums to the new maximum
        let rescale = exp(peak - high);
        total *= rescale;
        weighted *= rescale;
        peak = high;
        for (var j = 0u; j < BINS; j++) {
            if (k0 + j < params.bins) {
                let e = exp(tile.z[j] - high);
                total += e;
                weighted += e * centers[centers_start + k0 + j];
            }
        }
    }
    for (var i = 0u; i < 4u; i++) {
        let row = rows[i];
        if (row < end) {
            var unit = 1.0;
            if (HAS_SCALE) {
                unit = scale[row / params.plane];
            }
            let state = settled(peak[i], total[i]);
            depth[row] = weighted[i] / state.y * unit;
            statistics[4u * row] = state.x;
            statistics[4u * row + 1u] = 1.0 / state.y;
            statistics[4u * row + 2u] = 0.0;
            statistics[4u * row + 3u] = 0.0;
        }
    }
}
