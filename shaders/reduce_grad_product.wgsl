// reduce_grad_product — gradient of a product along some axes.
//
//   d_x[o, j] = d_y[o] prod_{i != j} x[o, i]
//   the product of the others, right where elements are zero or not finite
//
// Layout   x, d_x: any shape, kept axes merged to at most three (o), reduced axes to at most three
//          (j); d_y: outputs
// Mapping  one invocation per output: the product of the elements before each one, then times the
//          elements after it
// Memory   3 loads + 2 stores per element of x; bound by bandwidth
// Source   elementary
// Twin     src/kernels/reduce_grad.ts

struct Params {
    outputs: u32,        // kept elements
    length: u32,         // reduced elements of one output
    kept_1: u32,         // kept axes, the last fastest (the first needs no length)
    kept_2: u32,
    kept_step_0: u32,    // elements of x per step along them
    kept_step_1: u32,
    kept_step_2: u32,
    reduced_1: u32,      // reduced axes, likewise
    reduced_2: u32,
    reduced_step_0: u32,
    reduced_step_1: u32,
    reduced_step_2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> d_y: array<f32>;
@group(0) @binding(3) var<storage, read_write> d_x: array<f32>;

override REDUCED_AXES: u32 = 3u; // reduced axes after merging
override KEPT_1: u32 = 0u;       // 0: read at run time
override KEPT_2: u32 = 0u;
override REDUCED_1: u32 = 0u;
override REDUCED_2: u32 = 0u;
override WG: u32 = 64u;          // invocations per workgroup

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

// <lib reduced_place>
/// First element of x that output o folds.
fn kept_place(o: u32) -> u32 {
    let length_2 = fixed_or(KEPT_2, params.kept_2);
    let length_1 = fixed_or(KEPT_1, params.kept_1);
    let outer = o / length_2;
    return (outer / length_1) * params.kept_step_0 + (outer % length_1) * params.kept_step_1
        + (o - outer * length_2) * params.kept_step_2;
}

/// Elements from there to the j-th that it folds.
fn reduced_place(j: u32) -> u32 {
    if (REDUCED_AXES == 1u) {
        return j * params.reduced_step_2;
    }
    let length_2 = fixed_or(REDUCED_2, params.reduced_2);
    let length_1 = fixed_or(REDUCED_1, params.reduced_1);
    let outer = j / length_2;
    return (outer / length_1) * params.reduced_step_0 + (outer % length_1) * params.reduced_step_1
        + (j - outer * length_2) * params.reduced_step_2;
}
// </lib>

@compute @workgroup_size(WG)
fn reduce_grad_product(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let o = (group.x + group.y * groups.x) * WG + lane;
    if (o >= params.outputs) {
        return;
    }
    let begin = kept_place(o);
    // products of those before, then times those behind: right with zeros and infinities too
    var before = d_y[o];
    for (var j = 0u; j < params.length; j++) {
        let place = begin + reduced_place(j);
        d_x[place] = before;
        before *= x[place];
    }
    var behind = 1.0;
    for (var j = params.length; j > 0u; j--) {
        let place = begin + reduced_place(j - 1u);
        d_x[place] *= behind;
        behind *= x[place];
    }
}
