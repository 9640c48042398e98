// strided_write — a tensor placed into zeros with strides: the adjoint of slices with steps.
//
//   y[i_0 .. i_5] = x[(i_0 - start_0) / step_0, ..]
//   where every quotient is whole and inside x, else 0
//
// Layout   x: at most six axes; y: the same number of axes, n elements f32
// Mapping  one invocation per STEP elements of a line of y along its last axis, ceil(length / STEP)
//          apart, so that neighbours load neighbours and each index is decomposed once for all of
//          them
// Memory   1 load per element of x, 1 store per element of y; bound by bandwidth
// Source   elementary
// Twin     src/kernels/strided.ts

struct Params {
    lines: u32,   // lines of y along its last axis
    shape_0: u32, // axes of y, the last fastest
    shape_1: u32,
    shape_2: u32,
    shape_3: u32,
    shape_4: u32,
    shape_5: u32,
    size_0: u32,  // axes of x
    size_1: u32,
    size_2: u32,
    size_3: u32,
    size_4: u32,
    size_5: u32,
    start_0: i32, // index in y of x's first element along each axis
    start_1: i32,
    start_2: i32,
    start_3: i32,
    start_4: i32,
    start_5: i32,
    step_0: i32,  // y's step per element of x along each axis, negative when mirrored, never 0
    step_1: i32,
    step_2: i32,
    step_3: i32,
    step_4: i32,
    step_5: i32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

override STEPPED: bool = true; // whether any step is not 1
override AXES: u32 = 6u;    // axes of y
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

/// Index in x along one axis of index i in y; `size` or more when there is none.
fn index_in_x(i: u32, start: i32, step: i32, size: u32) -> u32 {
    let distance = i32(i) - start;
    if (!STEPPED) {
        return u32(distance);
    }
    let index = distance / step;
    // a negative index is a huge one as u32
    return select(size, u32(index), index * step == distance);
}

@compute @workgroup_size(WG)
fn strided_write(
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
    let i_0 = index_in_x(at[0], params.start_0, params.step_0, params.size_0);
    let i_1 = index_in_x(at[1], params.start_1, params.step_1, params.size_1);
    let i_2 = index_in_x(at[2], params.start_2, params.step_2, params.size_2);
    let i_3 = index_in_x(at[3], params.start_3, params.step_3, params.size_3);
    let i_4 = index_in_x(at[4], params.start_4, params.step_4, params.size_4);
    let inside = i_0 < params.size_0 && i_1 < params.size_1 && i_2 < params.size_2
        && i_3 < params.size_3 && i_4 < params.size_4;
    let first = (((i_0 * params.size_1 + i_1) * params.size_2 + i_2) * params.size_3 + i_3)
        * params.size_4 + i_4; // line of x
    for (var s = 0u; s < STEP; s++) {
        let k = block + s * blocks;
        if (k < length) {
            let i_5 = index_in_x(k, params.start_5, params.step_5, params.size_5);
            var value = 0.0;
            if (inside && i_5 < params.size_5) {
                value = x[first * params.size_5 + i_5];
            }
            y[line * length + k] = value;
        }
    }
}
