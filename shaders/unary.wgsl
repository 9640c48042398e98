// unary — one elementary function of each element.
//
//   y[i] = f(x[i])
//   f by KIND: 0 identity, 1 negate, 2 abs, 3 sign, 4 square, 5 sqrt, 6 reciprocal_sqrt,
//   7 reciprocal, 8 exp, 9 expm1, 10 log, 11 log1p, 12 sin, 13 cos, 14 tan, 15 sinh, 16 cosh,
//   17 atan, 18 erf, 19 floor, 20 ceil, 21 round (half to even), 22 affine alpha x + beta,
//   23 clamp to [alpha, beta]; NaN of NaN
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

// <lib is_nan>
/// Whether x is NaN, by its bits: WGSL may assume that comparisons never see one.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
// </lib>

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

// <lib sine_cosine>
/// The first 224 bits of 1 / (2 pi).
const TURNS: array<u32, 7> = array(0x28be60dbu, 0x9391054au, 0x7f09d5f4u, 0x7d4d3770u,
    0x36d8a566u, 0x4f10e410u, 0x7f9458eau);

/// The 64 bits of a b: (high, low).
fn wide_product(a: u32, b: u32) -> vec2u {
    let a_low = a & 0xffffu;
    let a_high = a >> 16u;
    let b_low = b & 0xffffu;
    let b_high = b >> 16u;
    let low = a_low * b_low;
    let middle = a_high * b_low + (low >> 16u);
    let other = a_low * b_high + (middle & 0xffffu);
    return vec2u(a_high * b_high + (middle >> 16u) + (other >> 16u), a * b);
}

/// The remainder of v > 4 beyond the nearest multiple of pi / 2, and that multiple modulo 4: by the
/// bits of 1 / (2 pi) that matter to v's exponent (Payne and Hanek 1983).
fn reduced_far(v: f32) -> vec2f {
    let bits = bitcast<u32>(v);
    let mantissa = ((bits & 0x7fffffu) << 8u) | 0x80000000u;
    let exponent = (bits >> 23u) - 126u;
    let word = min(exponent / 32u, 4u);
    let shift = exponent % 32u;
    var window = vec3u(0u, TURNS[word], TURNS[word + 1u]);
    if (word > 0u) {
        window.x = TURNS[word - 1u];
    }
    if (shift > 0u) {
        let next = vec3u(window.yz, TURNS[word + 2u]);
        window = (window << vec3u(shift)) | (next >> vec3u(32u - shift));
    }
    // turns of v: two bits of quarters, then 62 bits of their fraction
    let carried = wide_product(mantissa, window.z).x;
    let product = wide_product(mantissa, window.y);
    let low = product.y + carried;
    let high = mantissa * window.x + product.x + select(0u, 1u, low < carried);
    let fraction = high & 0x3fffffffu;
    if (fraction < 0x20000000u) {
        let left = f32(fraction) * 0x1p-30 + f32(low) * 0x1p-62;
        return vec2f(left * 1.5707963, f32(high >> 30u));
    }
    // nearer to the next quarter: the rest is negative
    let below = vec2u(0x3fffffffu - fraction + select(0u, 1u, low == 0u), 0u - low);
    let left = f32(below.x) * 0x1p-30 + f32(below.y) * 0x1p-62;
    return vec2f(left * -1.5707963, f32((high >> 30u) + 1u));
}

/// (sin v, cos v) to 1e-7 for every finite v, NaN for the others: WGSL's own may be off by 2^-11,
/// and by more beyond pi. Reduced by multiples of pi / 2 in three parts (Cody and Waite 1980), far
/// away by bits, then the Taylor series on [-pi / 4, pi / 4].
fn sine_cosine(v: f32) -> vec2f {
    let k = round(v * 0.63661977);
    var near = vec2f(((v - k * 1.5703125) - k * 4.837512969970703125e-4) - k * 7.54978995489188e-8,
        k);
    if (abs(v) > 8192.0) {
        near = reduced_far(abs(v)) * select(-1.0, 1.0, v > 0.0);
    }
    let r = near.x;
    let z = r * r;
    let s = r + r * z * (-0.16666667 + z * (8.3333333e-3 + z * (-1.9841270e-4 + z * 2.7557319e-6)));
    let c = 1.0 - 0.5 * z + z * z * (0.041666667 + z * (-1.3888889e-3 + z * (2.4801587e-5
        - z * 2.7557319e-7)));
    // each quarter turn takes (s, c) to (c, -s)
    let quarter = i32(near.y) & 3;
    let turned = select(vec2f(s, c), vec2f(c, -s), (quarter & 1) == 1);
    let result = select(turned, -turned, (quarter & 2) == 2);
    return select(result, vec2f(not_a_number(v)), !is_finite(v));
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

// <lib expm1>
/// e^v - 1: by its series near 0, where the difference would lose v.
fn expm1(v: f32) -> f32 {
    if (abs(v) > 0.4) {
        return exp(v) - 1.0;
    }
    let tail = 1.0 + v / 6.0 * (1.0 + v / 7.0 * (1.0 + v / 8.0));
    return v * (1.0 + v / 2.0 * (1.0 + v / 3.0 * (1.0 + v / 4.0 * (1.0 + v / 5.0 * tail))));
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

// <lib log1p>
/// ln(1 + v): by 2 artanh(v / (2 + v)) near 0, where the sum would lose v.
fn log1p(v: f32) -> f32 {
    if (abs(v) > 0.4) {
        return log_of(1.0 + v);
    }
    let z = v / (2.0 + v);
    let w = z * z;
    return 2.0 * z * (1.0 + w * (1.0 / 3.0 + w * (1.0 / 5.0 + w * (1.0 / 7.0 + w / 9.0))));
}
// </lib>

// <lib arc_tangent>
/// atan v of v >= 0, to 2e-7 of itself: by multiples of pi / 4, then the polynomial of Cephes
/// (Moshier 1989). WGSL's own may be off by 4,096 units in the last place.
fn arc_tangent(v: f32) -> f32 {
    var base = 0.0;
    var t = v;
    if (v > 2.4142136) {
        base = 1.5707963;
        t = -1.0 / v;
    } else if (v > 0.41421357) {
        base = 0.78539816;
        t = (v - 1.0) / (v + 1.0);
    }
    let z = t * t;
    let tail = ((8.05374449538e-2 * z - 1.38776856032e-1) * z + 1.99777106478e-1) * z
        - 3.33329491539e-1;
    return base + (t + t * z * tail);
}
// </lib>

// <lib hyperbolic>
/// sinh v = (e + e / (1 + e)) / 2, e = e^v - 1: exact near 0, where the builtin may lose v; half of
/// e^(|v| / 2) squared beyond 10, whose overflow is that of sinh
fn sinh_of(v: f32) -> f32 {
    let a = abs(v);
    let e = expm1(a);
    let root = exp(0.5 * a);
    let size = select(0.5 * (e + e / (1.0 + e)), 0.5 * root * root, a > 10.0);
    return select(size, -size, v < 0.0);
}

/// cosh v = (e + 1 / e) / 2, e = e^|v|; as sinh_of beyond 10
fn cosh_of(v: f32) -> f32 {
    let a = abs(v);
    let root = exp(0.5 * a);
    return select(0.5 * (root * root + 1.0 / (root * root)), 0.5 * root * root, a > 10.0);
}
// </lib>

/// A root of v >= 0; NaN below, where WGSL leaves it open.
fn root(of_v: f32, v: f32) -> f32 {
    return select(of_v, not_a_number(v), v < 0.0);
}

/// f(v) of a number, see KIND
fn value(v: f32) -> f32 {
    switch KIND {
        case 0u: { return v; }
        case 1u: { return -v; }
        case 2u: { return abs(v); }
        case 3u: { return select(0.0, 1.0, v > 0.0) - select(0.0, 1.0, v < 0.0); }
        case 4u: { return v * v; }
        case 5u: { return root(sqrt(v), v); }
        case 6u: { return root(inverseSqrt(v), v); }
        case 7u: { return 1.0 / v; }
        case 8u: { return exp(v); }
        case 9u: { return expm1(v); }
        case 10u: { return log_of(v); }
        case 11u: { return log1p(v); }
        case 12u: { return sine_cosine(v).x; }
        case 13u: { return sine_cosine(v).y; }
        case 14u: {
            let turn = sine_cosine(v);
            return turn.x / turn.y;
        }
        case 15u: { return sinh_of(v); }
        case 16u: { return cosh_of(v); }
        case 17u: { return select(-1.0, 1.0, v > 0.0) * arc_tangent(abs(v)); }
        case 18u: { return erf(v); }
        case 19u: { return floor(v); }
        case 20u: { return ceil(v); }
        case 21u: { return round(v); }
        case 22u: { return params.alpha * v + params.beta; }
        default: { return min(max(v, params.alpha), params.beta); }
    }
}

/// f(v); NaN of NaN
fn apply(v: f32) -> f32 {
    return select(value(v), v, is_nan(v));
}

@compute @workgroup_size(WG)
fn unary(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let start = (group.x + group.y * groups.x) * WG * STEP + lane;
    for (var s = 0u; s < STEP; s++) {
        let i = start + s * WG;
        if (i < params.n) {
            y[i] = apply(x[i]);
        }
    }
}
