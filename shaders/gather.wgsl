// gather — elements of a tensor along one axis, at places that another tensor names.
//
//   y[o, j, i] = x[o, k, i],  k = indices[o step_o + j step_j + i step_i]
//   NaN where k is not one of 0, 1, ..., N - 1
//
// Layout   x [O, N, I]; y [O, M, I]; indices: whole numbers as f32, [M] or [O, M, I]
// Mapping  one invocation per STEP elements of y, a workgroup's width apart, so that neighbours load
//          neighbours
// Memory   2 loads + 1 store per element; bound by bandwidth
// Source   elementary
// Twin     src/kernels/gather.ts

struct Params {
    n: u32,      // elements of y
    places: u32, // M
    length: u32, // N
    inner: u32,  // I
    step_o: u32, // elements of indices per step of o
    step_j: u32, // and of j
    step_i: u32, // and of i
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> indices: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

override WG: u32 = 256u; // invocations per workgroup
const STEP: u32 = 4u; // tune: 1 2 4 8

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

@compute @workgroup_size(WG)
fn gather(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let start = (group.x + group.y * groups.x) * WG * STEP + lane;
    for (var s = 0u; s < STEP; s++) {
        let at = start + s * WG;
        if (at < params.n) {
            let i = at % params.inner;
            let row = at / params.inner;
            let j = row % params.places;
            let o = row / params.places;
            let named = indices[o * params.step_o + j * params.step_j + i * params.step_i];
            let k = u32(named);
            if (is_finite(named) && f32(k) == named && k < params.length) {
                y[at] = x[(o * params.length + k) * params.inner + i];
            } else {
                y[at] = not_a_number(named);
            }
        }
    }
}
