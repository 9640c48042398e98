// reduce — folds a tensor along some of its axes, or a share of it where rows are long and few.
//
//   y[s, o] = finish(fold_j map(x[o, j])),  j = s, s + slabs, s + 2 slabs, ... < length
//   MAP 0 v, 1 |v|, 2 v^2;  FOLD 0 sum, 1 maximum, 2 minimum, 3 product, 4 ln sum exp;
//   FINISH 0 v, 1 scale v, 2 sqrt v, 3 ln v
//
// Layout   x: any shape, its kept axes merged to at most three (o) and its reduced axes to at most
//          three (j); y: [slabs, outputs] f32
// Mapping  one invocation per element of y: neighbours take neighbouring outputs or slabs, so that
//          loads coalesce unless outputs are long rows; no barrier, the order of the fold is fixed
//          by the shape
// Memory   1 load per element of x, 1 store per element of y; bound by bandwidth
// Source   elementary; ln sum exp keeps a running maximum (Milakov and Gimelshein, Online
//          normalizer calculation, 2018)
// Twin     src/kernels/reduce.ts

struct Params {
    outputs: u32,        // kept elements
    length: u32,         // reduced elements of one output
    slabs: u32,          // shares they are dealt to
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
    scale: f32,          // factor of FINISH 1
    nothing: f32,        // result over no elements
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

override MAP: u32 = 0u;
override FOLD: u32 = 0u;
override FINISH: u32 = 0u;
override REDUCED_AXES: u32 = 3u; // reduced axes after merging
override OUTPUTS: u32 = 0u;      // 0: read at run time
override KEPT_1: u32 = 0u;
override KEPT_2: u32 = 0u;
override REDUCED_1: u32 = 0u;
override REDUCED_2: u32 = 0u;
override WG: u32 = 256u;         // invocations per workgroup

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

/// map(v), see MAP
fn mapped(v: f32) -> f32 {
    switch MAP {
        case 1u: { return abs(v); }
        case 2u: { return v * v; }
        default: { return v; }
    }
}

/// One more element v folded into x; y is the sum of exp(element - x) of FOLD 4.
fn folded(so_far: vec2f, v: f32) -> vec2f {
    switch FOLD {
        case 0u: { return vec2f(so_far.x + v, so_far.y); }
        case 1u: { return vec2f(max(so_far.x, v), so_far.y); }
        case 2u: { return vec2f(min(so_far.x, v), so_far.y); }
        case 3u: { return vec2f(so_far.x * v, so_far.y); }
        default: {
            // the sum is rescaled to the new maximum, so that no exponential exceeds 1
            let highest = max(so_far.x, v);
            return vec2f(highest, so_far.y * exp(so_far.x - highest) + exp(v - highest));
        }
    }
}

/// finish(v), see FINISH
fn finished(v: f32) -> f32 {
    switch FINISH {
        case 1u: { return params.scale * v; }
        case 2u: { return sqrt(v); }
        case 3u: { return log(v); }
        default: { return v; }
    }
}

@compute @workgroup_size(WG)
fn reduce(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (group.x + group.y * groups.x) * WG + lane;
    let outputs = fixed_or(OUTPUTS, params.outputs);
    if (i >= outputs * params.slabs) {
        return;
    }
    if (params.length == 0u) {
        y[i] = params.nothing;
        return;
    }
    let slab = i / outputs;
    let begin = kept_place(i - slab * outputs);
    var result = vec2f(mapped(x[begin + reduced_place(slab)]), 1.0);
    for (var j = slab + params.slabs; j < params.length; j += params.slabs) {
        result = folded(result, mapped(x[begin + reduced_place(j)]));
    }
    y[i] = finished(select(result.x, result.x + log(result.y), FOLD == 4u));
}
