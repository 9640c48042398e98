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

// <lib sine_cosine>
/// (sin v, cos v) to 1e-7 for |v| < 1e4: WGSL's own may be off by 2^-11. Reduced by multiples of
/// pi / 2 in three parts (Cody and Waite 1980), then the Taylor series on [-pi / 4, pi / 4].
fn sine_cosine(v: f32) -> vec2f {
    let k = round(v * 0.63661977);
    let r = ((v - k * 1.5703125) - k * 4.837512969970703125e-4) - k * 7.54978995489188e-8;
    let z = r * r;
    let s = r + r * z * (-0.16666667 + z * (8.3333333e-3 + z * (-1.9841270e-4 + z * 2.7557319e-6)));
    let c = 1.0 - 0.5 * z + z * z * (0.041666667 + z * (-1.3888889e-3 + z * (2.4801587e-5
        - z * 2.7557319e-7)));
    // each quarter turn takes (s, c) to (c, -s)
    let quarter = i32(k) & 3;
    let turned = select(vec2f(s, c), vec2f(c, -s), (quarter & 1) == 1);
    return select(turned, -turned, (quarter & 2) == 2);
}
// </lib>

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
        case 12u: { return sine_cosine(v).y; }
        case 13u: { return -sine_cosine(v).x; }
        case 14u: {
            let turn = sine_cosine(v);
            let t = turn.x / turn.y;
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
