// unary — one elementary function of each element.
//
//   y[i] = f(x[i])
//   f by KIND: 0 identity, 1 negate, 2 abs, 3 sign, 4 square, 5 sqrt, 6 reciprocal_sqrt,
//   7 reciprocal, 8 exp, 9 expm1, 10 log, 11 log1p, 12 sin, 13 cos, 14 tan, 15 sinh, 16 cosh,
//   17 atan, 18 erf, 19 floor, 20 ceil, 21 round (half to even), 22 affine alpha x + beta,
//   23 clamp to [alpha, beta]
//
// Layout   x, y: any shape, n elements f32
// Mapping  one invocation per STEP elements, a workgroup's width apart, so that neighbours load
//          neighbours
// Memory   1 load + 1 store per element; bound by bandwidth
// Source   elementary
// Twin     src/kernels/unary.ts

struct Params {
    n: u32,      // elements
    alpha: f32,  // factor of affine, lower bound of clamp
    beta: f32,   // summand of affine, upper bound of clamp
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

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

/// e^v - 1: by its series near 0, where the difference would lose v.
fn expm1(v: f32) -> f32 {
    if (abs(v) > 0.4) {
        return exp(v) - 1.0;
    }
    let tail = 1.0 + v / 6.0 * (1.0 + v / 7.0 * (1.0 + v / 8.0));
    return v * (1.0 + v / 2.0 * (1.0 + v / 3.0 * (1.0 + v / 4.0 * (1.0 + v / 5.0 * tail))));
}

/// ln(1 + v): by 2 artanh(v / (2 + v)) near 0, where the sum would lose v.
fn log1p(v: f32) -> f32 {
    if (abs(v) > 0.4) {
        return log(1.0 + v);
    }
    let z = v / (2.0 + v);
    let w = z * z;
    return 2.0 * z * (1.0 + w * (1.0 / 3.0 + w * (1.0 / 5.0 + w * (1.0 / 7.0 + w / 9.0))));
}

/// f(v), see KIND
fn apply(v: f32) -> f32 {
    switch KIND {
        case 0u: { return v; }
        case 1u: { return -v; }
        case 2u: { return abs(v); }
        case 3u: { return select(0.0, 1.0, v > 0.0) - select(0.0, 1.0, v < 0.0); } // 0 of NaN too
        case 4u: { return v * v; }
        case 5u: { return sqrt(v); }
        case 6u: { return inverseSqrt(v); }
        case 7u: { return 1.0 / v; }
        case 8u: { return exp(v); }
        case 9u: { return expm1(v); }
        case 10u: { return log(v); }
        case 11u: { return log1p(v); }
        case 12u: { return sine_cosine(v).x; }
        case 13u: { return sine_cosine(v).y; }
        case 14u: {
            let turn = sine_cosine(v);
            return turn.x / turn.y;
        }
        case 15u: { return sinh(v); }
        case 16u: { return cosh(v); }
        case 17u: { return atan(v); }
        case 18u: { return erf(v); }
        case 19u: { return floor(v); }
        case 20u: { return ceil(v); }
        case 21u: { return round(v); }
        case 22u: { return params.alpha * v + params.beta; }
        default: { return min(max(v, params.alpha), params.beta); }
    }
}

@compute @workgroup_size(WG)
fn unary(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let start = (group.x + group.y * groups.x) * WG * STEP + lane;
    for (var s = 0u; s < STEP; s++) {
        let i = start + s * WG;
        if (i < params.n) {
            y[i] = apply(x[i]);
        }
    }
}
