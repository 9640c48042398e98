// adamw — one step of Adam with decoupled weight decay over a flat arena of all parameters.
//
//   g = clip gradient;  m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
//   as m + rest1 (g - m), v + rest2 (g^2 - v): 1 - beta2 = 0.001 made in f32 is off by 1.3e-5
//   p = p - rate (c1 m / (sqrt(c2 v) + epsilon) + weight_decay decay[i / 64] p)
//   nothing where norm says that a gradient is not finite; an element whose p, m or v is not finite
//   stays as it is; norm[3] = 1 where one is not, before or after the step
//
// Layout   parameters, first_moments (m), second_moments (v), gradients [n]; decay [n / 64]: a
//          factor for each block of 64 floats; norm [4] = (norm, clip, finite, 0) of grad_norm;
//          scalars: 64 step scalars, three of them rate, c1 = 1 / (1 - beta1^t), c2 = 1 / (1 -
//          beta2^t)
// Mapping  one invocation per four elements and STEP such vectors, a workgroup's width apart, so that
//          neighbours load neighbours; a loop that is not unrolled, whose code fits into the caches of
//          a processor
// Memory   4 loads of 16 bytes, one of 4 and 3 stores per four elements; bound by bandwidth
// Source   Loshchilov and Hutter 2019 (arXiv:1711.05101) algorithm 2
// Twin     src/kernels/adamw.ts

struct Params {
    n: u32,            // elements, a multiple of 64
    rest1: f32,        // 1 - beta1, made in f64
    rest2: f32,        // 1 - beta2, likewise
    epsilon: f32,
    weight_decay: f32,
    rate_slot: u32,    // of rate in scalars
    first_slot: u32,   // of c1
    second_slot: u32,  // of c2
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> scalars: array<vec4f, 16>;
@group(0) @binding(2) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(3) var<storage, read> decay: array<f32>;
@group(0) @binding(4) var<storage, read_write> norm: array<f32>; // inout
@group(0) @binding(5) var<storage, read_write> parameters: array<vec4f>; // inout
@group(0) @binding(6) var<storage, read_write> first_moments: array<vec4f>; // inout
@group(0) @binding(7) var<storage, read_write> second_moments: array<vec4f>; // inout

override WG: u32 = 256u; // invocations per workgroup
const STEP: u32 = 1u; // tune: 1 2 4 8
const BLOCK: u32 = 64u; // host: floats that share a decay factor: the alignment of the arena

// <lib are_finite>
/// Whether each number is neither infinite nor NaN, by its exponent's bits: WGSL may assume that
/// comparisons never see either.
fn are_finite(x: vec4f) -> vec4<bool> {
    return (bitcast<vec4u>(x) & vec4u(0x7f800000u)) != vec4u(0x7f800000u);
}
// </lib>

/// A step scalar by its slot.
fn scalar(slot: u32) -> f32 {
    return scalars[slot / 4u][slot % 4u];
}

@compute @workgroup_size(WG)
fn adamw(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    if (norm[2] < 0.5) {
        return;
    }
    let start = (group.x + group.y * groups.x) * WG * STEP;
    let end = min(start + WG * STEP, params.n / 4u);
    let clip = norm[1];
    let rate = scalar(params.rate_slot);
    let c1 = scalar(params.first_slot);
    let c2 = scalar(params.second_slot);
    for (var i = start + lane; i < end; i += WG) {
        let g = clip * gradients[i];
        let old_p = parameters[i];
        let old_m = first_moments[i];
        let old_v = second_moments[i];
        let usable = are_finite(old_p) & are_finite(old_m) & are_finite(old_v);
        let m = old_m + params.rest1 * (g - old_m);
        let v = old_v + params.rest2 * (g * g - old_v);
        let shrink = params.weight_decay * decay[i / (BLOCK / 4u)] * old_p;
        let p = old_p - rate * (c1 * m / (sqrt(c2 * v) + params.epsilon) + shrink);
        first_moments[i] = select(old_m, m, usable);
        second_moments[i] = select(old_v, v, usable);
        parameters[i] = select(old_p, p, usable);
        if (!all(usable & are_finite(p) & are_finite(m) & are_finite(v))) {
            norm[3] = 1.0; // the same from every invocation that stores it
        }
    }
}
