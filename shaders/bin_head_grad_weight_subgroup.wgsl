// bin_head_grad_weight_subgroup — gradients for weight, bias and centres, one subgroup each.
//
//   d_weight[b, k, c] = sum_r d_z[r, k] features[r, c],  d_bias[b, k] = sum_r d_z[r, k]
//   d_centers[b, k] = sum_r a p_k,  pixels r of slice b;  d_z = p_k (a centers[s, k] - e)
//
// Layout   features [V, H, W, C]; weight [K, 1, 1, C]; bias [K] or absent; centers [V, 1, 1, K] or
//          [1, 1, 1, K]; factors [V, H, W, 8] = (maximum, 1 / sum, 0, 0, a, 0, 0, e) from
//          bin_distill_factors; d_weight [B, K, C], d_bias, d_centers [B, K]: B slices of SLAB
//          pixels of one set of centres; column_sum adds them in order
// Mapping  a workgroup owns one slice, 16 bins and 4 LANES channels; each invocation computes d_z of
//          4 pixels, LANES apart, and adds up 4 channels, LANES apart, over the pixels of all lanes
//          by broadcasts
// Memory   8, 6 or 5 loads for 64 fma, see gemm_subgroup.wgsl, then 4; the logits are recomputed for
//          each 4 LANES channels
// Source   derivative of bin_head; slices are a fixed number of pixels, so that every adapter adds
//          in the same order
// Twin     src/kernels/depth_bins/bin_head.ts

enable subgroups;

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
override LANES: u32 = 8u; // of a subgroup: 4 to 64; the workgroup is exactly one
const SLAB: u32 = 256u; // host: pixels; part of the result's bits
const BINS: u32 = 16u; // host: of a tile

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

/// Features of a pixel at four channels; of the pixel before `end` where it is not.
fn features_at(row: u32, end: u32, c: vec4u) -> vec4f {
    let x = min(row, end - 1u) * params.channels + c;
    return vec4f(features[x.x], features[x.y], features[x.z], features[x.w]);
}

/// Features of four pixels from `row` on, one per column.
fn pixels_at(row: u32, end: u32, c: vec4u) -> mat4x4f {
    return mat4x4f(
        features_at(row, end, c),
        features_at(row + 1u, end, c),
        features_at(row + 2u, end, c),
        features_at(row + 3u, end, c),
    );
}

/// Adds the products of four pixels' features and their values to a sum, pixel after pixel.
fn add_pixels(sum: vec4f, x: mat4x4f, values: vec4f) -> vec4f {
    let two = fma(x[1], vec4f(values.y), fma(x[0], vec4f(values.x), sum));
    return fma(x[3], vec4f(values.w), fma(x[2], vec4f(values.z), two));
}

@compute @workgroup_size(LANES)
fn bin_head_grad_weight_subgroup(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let index = group.x + group.y * groups.x;
    let channel_tiles = (params.channels + 4u * LANES - 1u) / (4u * LANES);
    let bin_tiles = (params.bins + BINS - 1u) / BINS;
    let c0 = index % channel_tiles * 4u * LANES;
    let k0 = index / channel_tiles % bin_tiles * BINS;
    let slab = index / channel_tiles / bin_tiles;
    if (slab >= params.all_slabs) {
        return; // the whole workgroup: the fold of the grid made one too many
    }
    let center_row = slab / params.slabs;
    let start = center_row * params.pixels_per_center + slab % params.slabs * SLAB;
    let end = min(start + SLAB, (center_row + 1u) * params.pixels_per_center);
    // channels past the last compute the last again and are not stored
    let columns = c0 + lane + vec4u(0u, LANES, 2u * LANES, 3u * LANES);
    let c = min(columns, vec4u(params.channels - 1u));
    var sum: array<vec4f, BINS>; // of four channels
    var d_z_sum: array<vec4f, BINS>; // of four pixels
    var d_center_sum: array<vec4f, BINS>;
    for (var first = start; first < end; first += 4u * LANES) {
        let rows = first + lane + vec4u(0u, LANES, 2u * LANES, 3u * LANES);
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
            let pixel = first + LANES * i;
            let x0 = pixels_at(pixel, end, c);
            for (var j = 0u; j < BINS; j++) {
                sum[j] = add_pixels(sum[j], x0, lanes_0(d_z[j][i]));
            }
            if (LANES >= 8u) {
                let x4 = pixels_at(pixel + 4u, end, c);
                for (var j = 0u; j < BINS; j++) {
                    sum[j] = add_pixels(sum[j], x4, lanes_4(d_z[j][i]));
                }
            }
            if (LANES >= 16u) {
                let x8 = pixels_at(pixel + 8u, end, c);
                for (var j = 0u; j < BINS; j++) {
                    sum[j] = add_pixels(sum[j], x8, lanes_8(d_z[j][i]));
                }
                let x12 = pixels_at(pixel + 12u, end, c);
                for (var j = 0u; j < BINS; j++) {
                    sum[j] = add_pixels(sum[j], x12, lanes_12(d_z[j][i]));
                }
            }
            for (var other = 16u; other < LANES; other++) { // only GPUs are that wide
                let x = features_at(pixel + other, end, c);
                for (var j = 0u; j < BINS; j++) {
                    sum[j] = fma(vec4f(subgroupShuffle(d_z[j][i], other)), x, sum[j]);
                }
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
