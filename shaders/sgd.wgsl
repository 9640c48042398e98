// sgd — one step of gradient descent with momentum over a flat arena of all parameters.
//
//   d = clip gradient + weight_decay decay[i / 64] p;  v = momentum v + d
//   p = p - rate v, or p - rate (d + momentum v) after Nesterov
//   nothing where norm says that a gradient is not finite; an element whose p or v is not finite
//   stays as it is; norm[3] = 1 where one is not, before or after the step
//
// Layout   parameters, first_moments (v), gradients [n]; decay [n / 64]: a factor for each block of
//          64 floats; norm [4] = (norm, clip, finite, 0) of grad_norm; scalars: 64 step scalars, one
//          of them rate
// Mapping  one invocation per four elements and STEP such vectors, a workgroup's width apart, so that
//          neighbours load neighbours; a loop that is not unrolled, whose code fits into the caches of
//          a processor
// Memory   3 loads of 16 bytes, one of 4 and 2 stores per four elements; bound by bandwidth
// Source   Sutskever et al. 2013 (ICML), equations 1 to 4
// Twin     src/kernels/sgd.ts

struct Params {
    n: u32,            // elements, a multiple of 64
    momentum: f32,
    weight_decay: f32,
    nesterov: u32,     // 1: looks ahead
    rate_slot: u32,    // of rate in scalars
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> scalars: array<vec4f, 16>;
@group(0) @binding(2) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(3) var<storage, read> decay: array<f32>;
@group(0) @binding(4) var<storage, read_write> norm: array<f32>; // inout
@group(0) @binding(5) var<storage, read_write> parameters: array<vec4f>; // inout
@group(0) @binding(6) var<storage, read_write> first_moments: array<vec4f>; // inout

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

@compute @workgroup_size(WG)
fn sgd(
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
    let rate = scalars[params.rate_slot / 4u][params.rate_slot % 4u];
    for (var i = start + lane; i < end; i += WG) {
        let old_p = parameters[i];
        let old_v = first_moments[i];
        let usable = are_finite(old_p) & are_finite(old_v);
        let d = clip * gradients[i] + params.weight_decay * decay[i / (BLOCK / 4u)] * old_p;
        let v = params.momentum * old_v + d;
        let step = select(v, d + params.momentum * v, params.nesterov == 1u);
        let p = old_p - rate * step;
        first_moments[i] = select(old_v, v, usable);
        parameters[i] = select(old_p, p, usable);
        if (!all(usable & are_finite(p) & are_finite(v))) {
            norm[3] = 1.0; // the same from every invocation that stores it
        }
    }
}
