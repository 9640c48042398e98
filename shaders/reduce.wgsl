// reduce — folds a tensor along some of its axes, in slices where rows are long and few.
//
//   y[s, o] = finish(fold_j map(x[o, j])),  j = s, s + slabs, s + 2 slabs, ... < length
//   MAP 0 v, 1 |v|, 2 v^2;  FOLD 0 sum, 1 maximum, 2 minimum, 3 product, 4 ln sum exp,
//   5 sqrt sum v^2;  FINISH 0 v, 1 scale v, 2 ln v
//
// Layout   x: any shape, its kept axes merged to at most three (o) and its reduced axes to at most
//          three (j); y: [slabs, outputs] f32
// Mapping  one invocation per element of y: neighbours take neighbouring outputs or slices, so that
//          loads coalesce unless outputs are long rows; no barrier, the order of the fold is fixed
//          by the shape
// Memory   1 load per element of x, 1 store per element of y; bound by bandwidth
// Source   elementary; ln sum exp keeps a running maximum (Milakov and Gimelshein, Online
//          normalizer calculation, 2018), the root of squares counts them by size (Blue, A portable
//          Fortran program to find the Euclidean norm of a vector, 1978)
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

// <lib is_finite>
/// Whether x is neither infinite nor NaN, by its exponent's bits: WGSL may assume that comparisons
/// never see either.
fn is_finite(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}
// </lib>

// <lib log_of>
/// ln v by IEEE 754: NaN of NaN and of v < 0, infinite at 0 and infinity, where WGSL leaves the
/// builtin open and drivers give numbers such as 89.
fn log_of(v: f32) -> f32 {
    let bits = bitcast<u32>(v);
    let at_zero = (bits << 1u) == 0u;
    let special = select(bits | 0x7fc00000u, bits | 0xff800000u, at_zero);
    let end = bitcast<f32>(select(special, bits, bits == 0x7f800000u));
    return select(end, log(v), bits - 1u < 0x7f7fffffu);
}
// </lib>

// <lib is_nan>
/// Whether x is NaN, by its bits: WGSL may assume that comparisons never see one.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
// </lib>

// <lib max_or_nan>
/// The larger of a and b; NaN where either is, which WGSL's `max` may lose.
fn max_or_nan(a: f32, b: f32) -> f32 {
    return select(select(max(a, b), b, is_nan(b)), a, is_nan(a));
}
// </lib>

// <lib min_or_nan>
/// The smaller of a and b; NaN where either is, which WGSL's `min` may lose.
fn min_or_nan(a: f32, b: f32) -> f32 {
    return select(select(min(a, b), b, is_nan(b)), a, is_nan(a));
}
// </lib>

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

// <lib sized_squares>
/// The square of v among (large, usual, small) ones: large ones count in units of 2^80, small ones
/// of 2^-90, so that none overflows or vanishes (Blue 1978).
fn sized_square(v: f32) -> vec3f {
    let a = abs(v);
    let large = a > 0x1p50;
    let small = a < 0x1p-50;
    let unit = select(select(1.0, 0x1p90, small), 0x1p-80, large);
    let square = (v * unit) * (v * unit);
    return select(select(vec3f(0.0, square, 0.0), vec3f(0.0, 0.0, square), small),
        vec3f(square, 0.0, 0.0), large);
}

/// The root of the sum of such squares; NaN where one is.
fn sized_length(sums: vec3f) -> f32 {
    if (sums.x > 0.0 || is_nan(sums.x)) {
        let usual = sqrt(sums.y) * 0x1p-80;
        return sqrt(sums.x + usual * usual) * 0x1p80;
    }
    let small = sqrt(sums.z) * 0x1p-90;
    if (sums.y > 0.0 || is_nan(sums.y)) {
        return sqrt(sums.y + small * small);
    }
    return small;
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

/// A fold of one element: (result, sum of exp(element - result) of FOLD 4); squares by size of
/// FOLD 5.
fn begun(v: f32) -> vec3f {
    if (FOLD == 5u) {
        return sized_square(v);
    }
    return vec3f(v, 1.0, 0.0);
}

/// One more element v folded in.
fn folded(so_far: vec3f, v: f32) -> vec3f {
    switch FOLD {
        case 0u: { return vec3f(so_far.x + v, so_far.yz); }
        case 1u: { return vec3f(max_or_nan(so_far.x, v), so_far.yz); }
        case 2u: { return vec3f(min_or_nan(so_far.x, v), so_far.yz); }
        case 3u: { return vec3f(so_far.x * v, so_far.yz); }
        case 4u: {
            // the sum is rescaled to the new maximum, so that no exponential exceeds 1
            let highest = max_or_nan(so_far.x, v);
            let sum = so_far.y * exp(so_far.x - highest) + exp(v - highest);
            return vec3f(highest, sum, 0.0);
        }
        default: { return so_far + sized_square(v); }
    }
}

/// The result of a fold.
fn ended(fold: vec3f) -> f32 {
    switch FOLD {
        // an infinite maximum is the result, its differences are NaN
        case 4u: { return select(fold.x, fold.x + log_of(fold.y), is_finite(fold.x)); }
        case 5u: { return sized_length(fold); }
        default: { return fold.x; }
    }
}

/// finish(v), see FINISH
fn finished(v: f32) -> f32 {
    switch FINISH {
        case 1u: { return params.scale * v; }
        case 2u: { return log_of(v); }
        default: { return v; }
    }
}

@compute @workgroup_size(WG)
fn reduce(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
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
    var result = begun(mapped(x[begin + reduced_place(slab)]));
    for (var j = slab + params.slabs; j < params.length; j += params.slabs) {
        result = folded(result, mapped(x[begin + reduced_place(j)]));
    }
    y[i] = finished(ended(result));
}
