// strided_read — a tensor read with other strides: slices, transposes, mirrors, broadcasts.
//
//   y[i_0 .. i_5] = x[start + i_0 step_0 + .. + i_5 step_5]
//
// Layout   x: any shape; y: at most six axes after merging, n elements f32
// Mapping  one invocation per STEP elements of a line of y along its last axis, ceil(length / STEP)
//          apart, so that neighbours load neighbours and each index is decomposed once for all of
//          them
// Memory   1 load + 1 store per element of y; bound by bandwidth
// Source   elementary
// Twin     src/kernels/strided.ts

struct Params {
    lines: u32,   // lines of y along its last axis
    start: u32,   // element of x that y begins with
    shape_0: u32, // axes of y, the last fastest
    shape_1: u32,
    shape_2: u32,
    shape_3: u32,
    shape_4: u32,
    shape_5: u32,
    step_0: i32,  // elements of x per step along each axis: negative mirrored, 0 broadcast
    step_1: i32,
    step_2: i32,
    step_3: i32,
    step_4: i32,
    step_5: i32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

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

@compute @workgroup_size(WG)
fn strided_read(
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
    // unsigned arithmetic wraps, so negative steps come out right
    let first = params.start + at[0] * u32(params.step_0) + at[1] * u32(params.step_1)
        + at[2] * u32(params.step_2) + at[3] * u32(params.step_3) + at[4] * u32(params.step_4);
    for (var s = 0u; s < STEP; s++) {
        let k = block + s * blocks;
        if (k < length) {
            y[line * length + k] = x[first + k * u32(params.step_5)];
        }
    }
}
