// unary_grad — gradient of an elementary function of each element.
//
//   d_x[i] = d_y[i] f'(x[i]),  f by KIND as in unary.wgsl
//   0 where f is constant or jumps (sign, floor, ceil, round), 0 at the kink of abs, 1 on both
//   bounds of clamp
//
// Layout   x, d_y, d_x: any shape, n elements f32
// Mapping  one invocation per STEP elements, a workgroup's width apart
// Memory   2 loads + 1 store per element; bound by bandwidth
// Source   elementary
// Twin     src/kernels/unary.ts

struct Params {
    n: u32,      // elements
    alpha: f32,  // factor of affine, lower bound of clamp
    beta: f32,   // summand of affine, upper bound of clamp
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> d_y: array<f32>;
@group(0) @binding(3) var<storage, read_write> d_x: array<f32>;

override KIND: u32 = 0u;
override WG: u32 = 256u; // invocations per workgroup
const STEP: u32 = 8u; // tune: 1 2 4 8

/// f'(v), see KIND
fn slope(v: f32) -> f32 {
    switch KIND {
        case 0u: { return 1.0; }
        case 1u: { return -1.0; }
        case 2u: { return sign(v); }
        case 4u: { return 2.0 * v; }
        case 5u: { return 0.5 * inverseSqrt(v); }
        case 6u: { return -0.5 * inverseSqrt(v) / v; }
        case 7u: { return -1.0 / (v * v); }
        case 8u, 9u: { return exp(v); }
        case 10u: { return 1.0 / v; }
        case 11u: { return 1.0 / (1.0 + v); }
        case 12u: { return cos(v); }
        case 13u: { return -sin(v); }
        case 14u: {
            let t = tan(v);
            return 1.0 + t * t;
        }
        case 15u: { return cosh(v); }
        case 16u: { return sinh(v); }
        case 17u: { return 1.0 / (1.0 + v * v); }
        case 18u: { return 1.1283791671 * exp(-v * v); } // 2 / sqrt(pi)
        case 22u: { return params.alpha; }
        case 23u: { return select(0.0, 1.0, v >= params.alpha && v <= params.beta); }
        default: { return 0.0; }
    }
}

@compute @workgroup_size(WG)
fn unary_grad(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let start = (group.x + group.y * groups.x) * WG * STEP + lane;
    for (var s = 0u; s < STEP; s++) {
        let i = start + s * WG;
        if (i < params.n) {
            d_x[i] = d_y[i] * slope(x[i]);
        }
    }
}
