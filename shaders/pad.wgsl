// pad — a tensor with margins.
//
//   y[i_0 .. i_5] = x[m(i_0 - before_0), ..]
//   m by MODE: 0 inside only, `value` outside, 1 reflect (the border once), 2 symmetric (the border
//   twice), 3 edge (the border repeated), 4 wrap (the other side)
//
// Layout   x: at most six axes, neighbours without margins merged; y: the same number of axes, n
//          elements f32
// Mapping  one invocation per STEP elements of a line of y along its last axis, ceil(length / STEP)
//          apart, so that neighbours load neighbours and each index is decomposed once for all of
//          them
// Memory   1 load + 1 store per element of y; bound by bandwidth
// Source   elementary
// Twin     src/kernels/pad.ts

struct Params {
    lines: u32,    // lines of y along its last axis
    shape_0: u32,  // axes of y, the last fastest
    shape_1: u32,
    shape_2: u32,
    shape_3: u32,
    shape_4: u32,
    shape_5: u32,
    size_0: u32,   // axes of x
    size_1: u32,
    size_2: u32,
    size_3: u32,
    size_4: u32,
    size_5: u32,
    before_0: u32, // margin before the first element along each axis
    before_1: u32,
    before_2: u32,
    before_3: u32,
    before_4: u32,
    before_5: u32,
    value: f32,    // of the margins of MODE 0
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

override MODE: u32 = 0u;
override AXES: u32 = 6u;    // axes after merging
override SHAPE_1: u32 = 0u; // 0: read at run time
override SHAPE_2: u32 = 0u;
override SHAPE_3: u32 = 0u;
override SHAPE_4: u32 = 0u;
override SHAPE_5: u32 = 0u;
override WG: u32 = 256u;    // invocations per workgroup
const STEP: u32 = 8u; // tune: 1 2 4 8

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

/// m(i - before) along an axis of `size` elements, see MODE; `size` or more where y takes `value`
fn source(i: u32, before: u32, size: u32) -> u32 {
    let t = i32(i) - i32(before);
    let length = i32(size);
    if (t >= 0 && t < length) {
        return u32(t);
    }
    switch MODE {
        case 1u: { return u32(select(2 * (length - 1) - t, -t, t < 0)); }
        case 2u: { return u32(select(2 * length - 1 - t, -1 - t, t < 0)); }
        case 3u: { return u32(select(length - 1, 0, t < 0)); }
        case 4u: { return u32(select(t - length, t + length, t < 0)); }
        default: { return size; }
    }
}

@compute @workgroup_size(WG)
fn pad(
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
    let i_0 = source(at[0], params.before_0, params.size_0);
    let i_1 = source(at[1], params.before_1, params.size_1);
    let i_2 = source(at[2], params.before_2, params.size_2);
    let i_3 = source(at[3], params.before_3, params.size_3);
    let i_4 = source(at[4], params.before_4, params.size_4);
    let inside = i_0 < params.size_0 && i_1 < params.size_1 && i_2 < params.size_2
        && i_3 < params.size_3 && i_4 < params.size_4;
    let first = (((i_0 * params.size_1 + i_1) * params.size_2 + i_2) * params.size_3 + i_3)
        * params.size_4 + i_4; // line of x
    for (var s = 0u; s < STEP; s++) {
        let k = block + s * blocks;
        if (k < length) {
            let i_5 = source(k, params.before_5, params.size_5);
            var result = params.value;
            if (inside && i_5 < params.size_5) {
                result = x[first * params.size_5 + i_5];
            }
            y[line * length + k] = result;
        }
    }
}
