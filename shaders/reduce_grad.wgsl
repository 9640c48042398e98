// reduce_grad — gradient of a fold along some axes whose derivative needs its input.
//
//   d_x[i] = d_y[o] g(x[i], y[o]),  o: i without its reduced axes
//   g by KIND: 0 maximum and minimum: 1 where x = y (each of several equal ones takes the whole
//   gradient; NaN where x or y is NaN), 1 l1: sign x, 2 l2: x / y (0 where y = 0), 3 sum of
//   squares: 2 x, 4 ln of a sum: e^-y, 5 ln sum exp: e^(x - y)
//
// Layout   x, d_x: any shape, at most six axes after merging, n elements f32; y, d_y: x without its
//          reduced axes
// Mapping  one invocation per STEP elements of a line of x along its last axis, ceil(length / STEP)
//          apart, so that neighbours load neighbours and each index is decomposed once for all of
//          them
// Memory   1 load + 1 store per element of x (y and d_y stay in the cache); bound by bandwidth
// Source   elementary
// Twin     src/kernels/reduce_grad.ts

struct Params {
    lines: u32,   // lines of x along its last axis
    shape_0: u32, // axes of x, the last fastest
    shape_1: u32,
    shape_2: u32,
    shape_3: u32,
    shape_4: u32,
    shape_5: u32,
    y_0: u32,     // elements of y per step along each axis, 0 where it is reduced
    y_1: u32,
    y_2: u32,
    y_3: u32,
    y_4: u32,
    y_5: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read> d_y: array<f32>;
@group(0) @binding(4) var<storage, read_write> d_x: array<f32>;

override KIND: u32 = 0u;
override AXES: u32 = 6u;    // axes after merging
override SHAPE_1: u32 = 0u; // 0: read at run time
override SHAPE_2: u32 = 0u;
override SHAPE_3: u32 = 0u;
override SHAPE_4: u32 = 0u;
override SHAPE_5: u32 = 0u;
override WG: u32 = 256u;    // invocations per workgroup
const STEP: u32 = 8u; // tune: 1 2 4 8

// <lib is_nan>
/// Whether x is NaN, by its bits: WGSL may assume that comparisons never see one.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
// </lib>

// <lib not_a_number>
/// NaN, for any x: made from bits at run time, since WGSL refuses it as a constant and may fold
/// the arithmetic that gives it.
fn not_a_number(x: f32) -> f32 {
    return bitcast<f32>(bitcast<u32>(x) | 0x7fc00000u);
}
// </lib>

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

// <lib unravel>
/// Coordinates of a line along the AXES axes before the last, right-aligned, the last of them
/// fastest.
fn unravel(line: u32) -> array<u32, 5> {
    var at: array<u32, 5>;
    if (AXES > 1u) {
        at[4] = line;
    }
    if (AXES > 2u) {
        let length = fixed_or(SHAPE_4, params.shape_4);
        at[3] = at[4] / length;
        at[4] -= at[3] * length;
    }
    if (AXES > 3u) {
        let length = fixed_or(SHAPE_3, params.shape_3);
        at[2] = at[3] / length;
        at[3] -= at[2] * length;
    }
    if (AXES > 4u) {
        let length = fixed_or(SHAPE_2, params.shape_2);
        at[1] = at[2] / length;
        at[2] -= at[1] * length;
    }
    if (AXES > 5u) {
        let length = fixed_or(SHAPE_1, params.shape_1);
        at[0] = at[1] / length;
        at[1] -= at[0] * length;
    }
    return at;
}
// </lib>

/// g(v, result), see KIND
fn slope(v: f32, result: f32) -> f32 {
    switch KIND {
        case 0u: {
            let lost = is_nan(v) || is_nan(result);
            return select(select(0.0, 1.0, v == result), not_a_number(v), lost);
        }
        case 1u: {
            let sign_of = select(0.0, 1.0, v > 0.0) - select(0.0, 1.0, v < 0.0);
            return select(sign_of, v, is_nan(v));
        }
        case 2u: {
            if (result == 0.0 && !is_nan(v) && !is_nan(result)) {
                return 0.0;
            }
            return v / result;
        }
        case 3u: { return 2.0 * v; }
        case 4u: { return exp(-result); }
        default: { return exp(v - result); }
    }
}

@compute @workgroup_size(WG)
fn reduce_grad(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let length = fixed_or(SHAPE_5, params.shape_5);
    let blocks = (length + STEP - 1u) / STEP;
    let unit = (group.x + group.y * groups.x) * WG + lane;
    let line = unit / blocks;
    if (line >= params.lines) {
        return;
    }
    let block = unit - line * blocks;
    let at = unravel(line);
    let o = at[0] * params.y_0 + at[1] * params.y_1 + at[2] * params.y_2 + at[3] * params.y_3
        + at[4] * params.y_4;
    for (var s = 0u; s < STEP; s++) {
        let k = block + s * blocks;
        if (k < length) {
            let i = line * length + k;
            let output = o + k * params.y_5;
            d_x[i] = d_y[output] * slope(x[i], y[output]);
        }
    }
}
