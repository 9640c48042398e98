// bin_head_subgroup — bin_head.wgsl with one subgroup per workgroup.
//
//   depth[r] = scale sum_k p_k centers[s, k],  p = softmax(z)
//   z_k = sum_c features[r, c] weight[k, c] + bias[k],  s = r / pixels_per_center
//
// Layout   features [V, H, W, C]; weight [K, 1, 1, C]; bias [K] or absent; centers [V, 1, 1, K] or
//          [1, 1, 1, K]; scale [V] or absent; depth [V, H, W, 1]; statistics [V, H, W, 4]:
//          (maximum, 1 / sum, 0, 0)
// Mapping  a workgroup owns 4 LANES pixels of one set of centres, each invocation 4 of them, LANES
//          apart, and steps through the bins 16 at a time; per channel it loads its 4 features and
//          4, 2 or 1 of the 16 weights (at 4, 8 or more lanes), and takes the others from its
//          neighbours by broadcasts
// Memory   8, 6 or 5 loads for 64 fma, see gemm_subgroup.wgsl; features are read K / 16 times, from
//          cache
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
override LANES: u32 = 8u; // of a subgroup: 4 to 64; the workgroup is exactly one
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

// <lib rows_subgroup>
/// The rows of a tile of 16 whose values a lane holds: one, two or four of them, as the subgroup is
/// 16 or more, 8 or 4 lanes wide. The others repeat.
fn rows_of(lane: u32) -> vec4u {
    return (lane + vec4u(0u, LANES, 2u * LANES, 3u * LANES)) % 16u;
}
// </lib>

// <lib lanes_subgroup>
/// The values of lanes 0 to 3. A lane that is a constant costs software adapters one instruction;
/// any other costs them a loop over all lanes.
fn lanes_0(value: f32) -> vec4f {
    return vec4f(
        subgroupBroadcast(value, 0u),
        subgroupBroadcast(value, 1u),
        subgroupBroadcast(value, 2u),
        subgroupBroadcast(value, 3u),
    );
}

/// The values of lanes 4 to 7.
fn lanes_4(value: f32) -> vec4f {
    return vec4f(
        subgroupBroadcast(value, 4u),
        subgroupBroadcast(value, 5u),
        subgroupBroadcast(value, 6u),
        subgroupBroadcast(value, 7u),
    );
}

/// The values of lanes 8 to 11.
fn lanes_8(value: f32) -> vec4f {
    return vec4f(
        subgroupBroadcast(value, 8u),
        subgroupBroadcast(value, 9u),
        subgroupBroadcast(value, 10u),
        subgroupBroadcast(value, 11u),
    );
}

/// The values of lanes 12 to 15.
fn lanes_12(value: f32) -> vec4f {
    return vec4f(
        subgroupBroadcast(value, 12u),
        subgroupBroadcast(value, 13u),
        subgroupBroadcast(value, 14u),
        subgroupBroadcast(value, 15u),
    );
}
// </lib>

// <lib outer_subgroup>
/// Adds rows x columns to a tile: row r lies in lane r mod LANES, in part r / LANES of its four;
/// the columns are the lane's own.
fn outer(tile: ptr<function, array<vec4f, 16>>, rows: vec4f, columns: vec4f) {
    add_rows(tile, 0u, lanes_0(rows.x), columns);
    if (LANES == 4u) {
        add_rows(tile, 4u, lanes_0(rows.y), columns);
        add_rows(tile, 8u, lanes_0(rows.z), columns);
        add_rows(tile, 12u, lanes_0(rows.w), columns);
    } else if (LANES == 8u) {
        add_rows(tile, 4u, lanes_4(rows.x), columns);
        add_rows(tile, 8u, lanes_0(rows.y), columns);
        add_rows(tile, 12u, lanes_4(rows.y), columns);
    } else {
        add_rows(tile, 4u, lanes_4(rows.x), columns);
        add_rows(tile, 8u, lanes_8(rows.x), columns);
        add_rows(tile, 12u, lanes_12(rows.x), columns);
    }
}

/// Adds four rows x columns to a tile, from row `first` on.
fn add_rows(tile: ptr<function, array<vec4f, 16>>, first: u32, rows: vec4f, columns: vec4f) {
    (*tile)[first] = fma(vec4f(rows.x), columns, (*tile)[first]);
    (*tile)[first + 1u] = fma(vec4f(rows.y), columns, (*tile)[first + 1u]);
    (*tile)[first + 2u] = fma(vec4f(rows.z), columns, (*tile)[first + 2u]);
    (*tile)[first + 3u] = fma(vec4f(rows.w), columns, (*tile)[first + 3u]);
}
// </lib>

// <lib head_logits_subgroup>
/// Logits of an invocation's four pixels at BINS bins.
struct Tile { z: array<vec4f, BINS> }

/// Logits without bias of the pixels whose features start at `x`, bins from `k0` on; past the last
/// bin, of the last. The lanes share the bins' weights.
fn logits_at(x: vec4u, k0: u32, lane: u32) -> Tile {
    let w = min(k0 + rows_of(lane), vec4u(params.bins - 1u)) * params.channels;
    var z: array<vec4f, BINS>; // indexed by constants only, so that it stays in registers
    for (var c = 0u; c < params.channels; c++) {
        var weights = vec4f(weight[w.x + c], 0.0, 0.0, 0.0);
        if (LANES < 16u) {
            weights.y = weight[w.y + c];
        }
        if (LANES < 8u) {
            weights.z = weight[w.z + c];
            weights.w = weight[w.w + c];
        }
        let pixels =
            vec4f(features[x.x + c], features[x.y + c], features[x.z + c], features[x.w + c]);
        outer(&z, weights, pixels);
    }
    return Tile(z);
}
// </lib>

@compute @workgroup_size(LANES)
fn bin_head_subgroup(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let pixels = 4u * LANES; // of a workgroup
    let tiles = (params.pixels_per_center + pixels - 1u) / pixels;
    let index = group.x + group.y * groups.x;
    let center_row = index / tiles;
    let end = (center_row + 1u) * params.pixels_per_center;
    if (end > params.rows) {
        return; // the whole workgroup: the fold of the grid made one too many
    }
    // 4 pixels of one set of centres; those from the end on repeat the last and are never stored
    let first = end - params.pixels_per_center + index % tiles * pixels;
    let rows = first + lane + vec4u(0u, LANES, 2u * LANES, 3u * LANES);
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
