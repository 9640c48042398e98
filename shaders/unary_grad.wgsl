// unary_grad — gradient of an elementary function of each element.
//
//   d_x[i] = d_y[i] f'(x[i]),  f by KIND as in unary.wgsl
//   0 where f is constant or jumps (sign, floor, ceil, round), 0 at the kink of abs, 1 on both
//   bounds of clamp; NaN where x is NaN, unless f is affine
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

/// f'(v), see KIND
fn slope(v: f32) -> f32 {
    switch KIND {
        case 0u: { return 1.0; }
        case 1u: { return -1.0; }
        case 2u: { return select(0.0, 1.0, v > 0.0) - select(0.0, 1.0, v < 0.0); }
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
        case 15u: { return cosh_of(v); }
        case 16u: { return sinh_of(v); }
        case 17u: { return 1.0 / (1.0 + v * v); }
        case 18u: { return 1.1283791671 * exp(-v * v); } // 2 / sqrt(pi)
        case 22u: { return params.alpha; }
        case 23u: { return select(0.0, 1.0, v >= params.alpha && v <= params.beta); }
        default: { return 0.0; }
    }
}

/// d f'(v); NaN and infinities of d or v pass through even where f is flat
fn gradient(v: f32, d: f32) -> f32 {
    switch KIND {
        case 0u, 1u, 22u: { return d * slope(v); } // the same for every v
        case 3u, 19u, 20u, 21u: {
            return select(0.0, not_a_number(d), !is_finite(d) || is_nan(v));
        }
        default: { return select(d * slope(v), v, is_nan(v)); }
    }
}

@compute @workgroup_size(WG)
fn unary_grad(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let start = (group.x + group.y * groups.x) * WG * STEP + lane;
    for (var s = 0u; s < STEP; s++) {
        let i = start + s * WG;
        if (i < params.n) {
            d_x[i] = gradient(x[i], d_y[i]);
        }
    }
}
