// activation_grad_vec4 — activation_grad.wgsl with loads and stores of four numbers.
//
//   d_x[i] = d_y[i] f'(x[i]),  f by KIND as in activation.wgsl; at the kink of relu and leaky relu
//   the left slope; NaN where x is NaN
//
// Layout   x, d_y, d_x: any shape whose elements are a multiple of four, n / 4 vectors f32
// Mapping  one invocation per STEP vectors, a workgroup's width apart
// Memory   2 loads + 1 store of 16 bytes per vector; bound by bandwidth
// Source   elementary
// Twin     src/kernels/activation.ts

struct Params {
    n: u32,     // elements, a multiple of four
    alpha: f32, // slope (leaky relu) or scale (elu) for x < 0
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> d_y: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> d_x: array<vec4f>;

override KIND: u32 = 0u;
override WG: u32 = 256u; // invocations per workgroup
const STEP: u32 = 1u; // tune: 1 2 4

// <lib is_nan>
/// Whether x is NaN, by its bits: WGSL may assume that comparisons never see one.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
// </lib>

// <lib erf>
/// erf to 2e-7: its Maclaurin series below 1, above it exp(-x^2) times a polynomial in 1 / (1 + x
/// / 2).
fn erf(v: f32) -> f32 {
    let a = abs(v);
    if (a < 1.0) {
        let t = v * v;
        // 2/sqrt(pi) * sum (-1)^n v^(2n+1) / (n! (2n+1)), n to 9
        return v * (1.1283791671 + t * (-0.3761263890 + t * (0.1128379167 + t * (-0.0268661706
            + t * (0.0052239776 + t * (-0.0008548327 + t * (0.0001205533 + t * (-0.0000149256
            + t * (0.0000016462 - t * 0.0000001636)))))))));
    }
    // Chebyshev fit of erfc, fractional error below 1.2e-7 everywhere: Press et al., Numerical
    // Recipes (1992), section 6.2
    let t = 1.0 / (1.0 + 0.5 * a);
    let r = t * exp(-a * a - 1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418
        + t * (-0.18628806 + t * (0.27886807 + t * (-1.13520398 + t * (1.48851587
        + t * (-0.82215223 + t * 0.17087277)))))))));
    return select(-1.0, 1.0, v >= 0.0) * (1.0 - r);
}
// </lib>

/// e^-v / (1 + e^-v)^2, which is even, without overflow: the slope of sigmoid, and a quarter of that
/// of tanh at v / 2, whose builtin WGSL lets be off by 1e-5
fn bell(v: f32) -> f32 {
    let e = exp(-abs(v));
    return e / ((1.0 + e) * (1.0 + e));
}

/// f'(v), see KIND
fn slope(v: f32) -> f32 {
    switch KIND {
        case 0u: { return select(0.0, 1.0, v > 0.0); }
        case 1u: { return select(params.alpha, 1.0, v > 0.0); }
        case 2u: { return select(params.alpha * exp(min(v, 0.0)), 1.0, v > 0.0); }
        // Phi(v) + v phi(v)
        case 3u: { return 0.5 * (1.0 + erf(v * 0.70710678)) + v * 0.39894228 * exp(-0.5 * v * v); }
        case 4u: { return bell(v); }
        case 5u: {
            let e = exp(-abs(v));
            return select(e, 1.0, v >= 0.0) / (1.0 + e);
        }
        default: { return 4.0 * bell(2.0 * v); }
    }
}

/// f'(v); NaN of NaN
fn apply(v: f32) -> f32 {
    return select(slope(v), v, is_nan(v));
}

@compute @workgroup_size(WG)
fn activation_grad_vec4(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let start = (group.x + group.y * groups.x) * WG * STEP + lane;
    for (var s = 0u; s < STEP; s++) {
        let i = start + s * WG;
        if (i < params.n / 4u) {
            let v = x[i];
            d_x[i] = d_y[i] * vec4f(apply(v.x), apply(v.y), apply(v.z), apply(v.w));
        }
    }
}
