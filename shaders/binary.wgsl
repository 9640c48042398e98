// binary — an elementary function of two tensors that broadcast together.
//
//   y[i] = f(a[i_a], b[i_b]),  i_a, i_b: i without the axes along which a or b is broadcast
//   f by KIND: 0 add, 1 subtract, 2 multiply, 3 divide, 4 maximum, 5 minimum, 6 power,
//   7 squared_difference, 8 modulo (sign of b), 9 atan2, 10 equal, 11 not_equal, 12 greater,
//   13 greater_equal, 14 less, 15 less_equal (1 where true, else 0); NaN is equal to nothing, and
//   every other f of NaN is NaN, but NaN^0 = 1
//
// Layout   a, b: shapes that broadcast to y's by NumPy's rule, at most six axes after merging; y: n
//          elements f32
// Mapping  one invocation per STEP elements of a line of y along its last axis, ceil(length / STEP)
//          apart, so that neighbours load neighbours and each index is decomposed once for all of
//          them
// Memory   2 loads + 1 store per element; bound by bandwidth
// Source   elementary
// Twin     src/kernels/binary.ts

struct Params {
    lines: u32,   // lines of y along its last axis
    shape_0: u32, // axes of y, the last fastest
    shape_1: u32,
    shape_2: u32,
    shape_3: u32,
    shape_4: u32,
    shape_5: u32,
    a_0: u32,     // elements of a per step along each axis, 0 where it is broadcast
    a_1: u32,
    a_2: u32,
    a_3: u32,
    a_4: u32,
    a_5: u32,
    b_0: u32,     // the same of b
    b_1: u32,
    b_2: u32,
    b_3: u32,
    b_4: u32,
    b_5: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

override KIND: u32 = 0u;
override AXES: u32 = 6u;    // axes after merging
override SHAPE_1: u32 = 0u; // 0: read at run time
override SHAPE_2: u32 = 0u;
override SHAPE_3: u32 = 0u;
override SHAPE_4: u32 = 0u;
override SHAPE_5: u32 = 0u;
override WG: u32 = 256u;    // invocations per workgroup
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

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

// <lib unravel>
/// Coordinates of a line along the AXES axes before the last, right-aligned, the last of them
/// fastest.
fn unravel(line: u32) -> array<u32, 5> {
    var at: array<u32, 5>;
    if (AXES > 1u) {
        at[4] = line;
    }
    if (AXES > 2u) {
        let length = fixed_or(SHAPE_4, params.shape_4);
        at[3] = at[4] / length;
        at[4] -= at[3] * length;
    }
    if (AXES > 3u) {
        let length = fixed_or(SHAPE_3, params.shape_3);
        at[2] = at[3] / length;
        at[3] -= at[2] * length;
    }
    if (AXES > 4u) {
        let length = fixed_or(SHAPE_2, params.shape_2);
        at[1] = at[2] / length;
        at[2] -= at[1] * length;
    }
    if (AXES > 5u) {
        let length = fixed_or(SHAPE_1, params.shape_1);
        at[0] = at[1] / length;
        at[1] -= at[0] * length;
    }
    return at;
}
// </lib>

// <lib power>
/// a^b. Whole exponents by repeated squaring (exact signs, few roundings); NaN of a < 0 with another
/// exponent.
fn power(a: f32, b: f32) -> f32 {
    if (b == 0.0 && !is_nan(b)) {
        return 1.0;
    }
    if (is_nan(a) || is_nan(b)) {
        return not_a_number(a);
    }
    if (b == floor(b) && abs(b) <= 64.0) {
        var result = 1.0;
        var square = a;
        for (var left = u32(abs(b)); left > 0u; left >>= 1u) {
            if ((left & 1u) == 1u) {
                result *= square;
            }
            square *= square;
        }
        return select(result, 1.0 / result, b < 0.0);
    }
    if (a == 0.0) {
        return select(0.0, 1.0 / abs(a), b < 0.0);
    }
    let whole = b == floor(b);
    if (a < 0.0 && !whole && is_finite(a)) {
        return not_a_number(a);
    }
    var magnitude = exp2(b * log2(abs(a)));
    if (!is_finite(a)) {
        magnitude = select(0.0, abs(a), b > 0.0);
    }
    // f32 holds no odd number beyond 2^24; halving is exact
    let odd = whole && b * 0.5 != floor(b * 0.5);
    return select(magnitude, -magnitude, odd && a < 0.0);
}
// </lib>

/// 1 where true, else 0
fn truth(holds: bool) -> f32 {
    return select(0.0, 1.0, holds);
}

/// p - q floor(p / q), again inside [0, q) where a quotient that is a whole number came out just
/// beside it, as WGSL lets it
fn modulo(p: f32, q: f32) -> f32 {
    let rest = p - q * floor(p / q);
    if (rest * q < 0.0) {
        return rest + q;
    }
    return select(rest, rest - q, abs(rest) >= abs(q));
}

/// Whether p and q compare: neither is NaN, to which nothing is equal.
fn ordered(p: f32, q: f32) -> bool {
    return !is_nan(p) && !is_nan(q);
}

/// The angle of (q, p) from the first axis, in [-pi, pi]; at the origin, given by the zeros' signs.
fn angle(p: f32, q: f32) -> f32 {
    if (!ordered(p, q)) {
        return not_a_number(p);
    }
    // of any size: the quotient of tiny numbers would lose digits, that of infinities is NaN
    let size = max(abs(p), abs(q));
    let unit = select(select(1.0, 0x1p100, size < 0x1p-60), 0x1p-60, size > 0x1p60);
    let a = abs(p) * unit;
    let b = abs(q) * unit;
    let both = !is_finite(p) && !is_finite(q);
    let ratio = select(select(min(a, b) / max(a, b), 0.0, size == 0.0), 1.0, both);
    var turn = arc_tangent(ratio);
    turn = select(turn, 1.5707963 - turn, a > b);
    turn = select(turn, 3.1415927 - turn, bitcast<u32>(q) >> 31u == 1u);
    return bitcast<f32>(bitcast<u32>(turn) | (bitcast<u32>(p) & 0x80000000u));
}

/// f(p, q), see KIND
fn apply(p: f32, q: f32) -> f32 {
    switch KIND {
        case 0u: { return p + q; }
        case 1u: { return p - q; }
        case 2u: { return p * q; }
        case 3u: { return p / q; }
        case 4u: { return max_or_nan(p, q); }
        case 5u: { return min_or_nan(p, q); }
        case 6u: { return power(p, q); }
        case 7u: { return (p - q) * (p - q); }
        case 8u: { return modulo(p, q); }
        case 9u: { return angle(p, q); }
        case 10u: { return truth(p == q && ordered(p, q)); }
        case 11u: { return truth(p != q || !ordered(p, q)); }
        case 12u: { return truth(p > q && ordered(p, q)); }
        case 13u: { return truth(p >= q && ordered(p, q)); }
        case 14u: { return truth(p < q && ordered(p, q)); }
        default: { return truth(p <= q && ordered(p, q)); }
    }
}

@compute @workgroup_size(WG)
fn binary(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let length = fixed_or(SHAPE_5, params.shape_5);
    let blocks = (length + STEP - 1u) / STEP;
    let unit = (group.x + group.y * groups.x) * WG + lane;
    let line = unit / blocks;
    if (line >= params.lines) {
        return;
    }
    let block = unit - line * blocks;
    let at = unravel(line);
    let in_a = at[0] * params.a_0 + at[1] * params.a_1 + at[2] * params.a_2 + at[3] * params.a_3
        + at[4] * params.a_4;
    let in_b = at[0] * params.b_0 + at[1] * params.b_1 + at[2] * params.b_2 + at[3] * params.b_3
        + at[4] * params.b_4;
    for (var s = 0u; s < STEP; s++) {
        let k = block + s * blocks;
        if (k < length) {
            y[line * length + k] = apply(a[in_a + k * params.a_5], b[in_b + k * params.b_5]);
        }
    }
}
