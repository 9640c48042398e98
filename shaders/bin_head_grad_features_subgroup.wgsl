// bin_head_grad_features_subgroup — gradient for the features, no logit stored, one subgroup each.
//
//   d_features[r, c] = sum_k d_z[r, k] weight[k, c],  d_z = p_k (a centers[s, k] - e)
//
// Layout   features [V, H, W, C]; weight [K, 1, 1, C]; bias [K] or absent; centers [V, 1, 1, K] or
//          [1, 1, 1, K]; factors [V, H, W, 8] = (maximum, 1 / sum, 0, 0, a, 0, 0, e) from
//          bin_distill_factors; d_features [V, H, W, C]
// Mapping  a workgroup owns 4 LANES pixels of one set of centres, each invocation 4 of them, LANES
//          apart; d_z of some bins are computed 16 at a time, then used 16 channels at a time; the
//          lanes share weights by broadcasts
// Memory   8, 6 or 5 loads for 64 fma in each part, see gemm_subgroup.wgsl; the logits are computed
//          once
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
override LANES: u32 = 8u; // of a subgroup: 4 to 64; the workgroup is exactly one
const BINS: u32 = 16u; // of a tile
const CHANNELS_TILE: u32 = 16u;
const KEPT: u32 = 512u; // vectors of d_z that are kept: 8 KiB

// BINS bins of all lanes where those are more; each lane reads only its own writes
var<workgroup> wg_d_z: array<vec4f, max(KEPT, BINS * LANES)>;

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

@compute @workgroup_size(LANES)
fn bin_head_grad_features_subgroup(
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
    let f = factors_of(rows, end);
    let chunk = max(KEPT / LANES, BINS); // bins whose d_z are kept, a multiple of BINS
    for (var begin = 0u; begin < params.bins; begin += chunk) {
        let stop = min(begin + chunk, params.bins);
        for (var k0 = begin; k0 < stop; k0 += BINS) {
            let tile = logits_at(x, k0, lane);
            for (var j = 0u; j < BINS; j++) {
                // past the last bin: computed, never read
                let k = min(k0 + j, params.bins - 1u);
                let p = probabilities_at(f, k, tile.z[j]);
                wg_d_z[(k0 + j - begin) * LANES + lane] = p * (f.a * centers[centers_start + k] - f.e);
            }
        }
        for (var c0 = 0u; c0 < params.channels; c0 += CHANNELS_TILE) {
            let c = min(c0 + rows_of(lane), vec4u(params.channels - 1u));
            // without a value Tint (webgpu 0.6.2) clears it once, not in each turn of the loop
            var sum = array<vec4f, CHANNELS_TILE>();
            for (var k = begin; k < stop; k++) {
                let w = k * params.channels + c;
                var weights = vec4f(weight[w.x], 0.0, 0.0, 0.0);
                if (LANES < 16u) {
                    weights.y = weight[w.y];
                }
                if (LANES < 8u) {
                    weights.z = weight[w.z];
                    weights.w = weight[w.w];
                }
                outer(&sum, weights, wg_d_z[(k - begin) * LANES + lane]);
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
