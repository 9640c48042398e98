// binary_grad — gradient of an elementary function of two tensors with respect to one of them.
//
//   d_operand[i] = d_y[i] f'(a[i_a], b[i_b]),  the derivative by a (SIDE 0) or b (SIDE 1)
//   f by KIND as in binary.wgsl; broadcast axes are not summed yet. Of two equal operands a takes
//   the gradient of maximum and minimum; power has none by b where a <= 0,
//   atan2 none at the origin.
//
// Layout   a, b: shapes that broadcast to d_y's by NumPy's rule; d_y, d_operand: n elements f32
// Mapping  one invocation per STEP elements of a line of d_y along its last axis, ceil(length /
//          STEP) apart, so that neighbours load neighbours and each index is decomposed once for
//          all of them
// Memory   3 loads + 1 store per element; bound by bandwidth
// Source   elementary
// Twin     src/kernels/binary.ts

struct Params {
    lines: u32,   // lines of d_y along its last axis
    shape_0: u32, // axes of d_y, the last fastest
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
@group(0) @binding(3) var<storage, read> d_y: array<f32>;
@group(0) @binding(4) var<storage, read_write> d_operand: array<f32>;

override KIND: u32 = 0u;
override SIDE: u32 = 0u;    // 0: by a, 1: by b
override AXES: u32 = 6u;    // axes after merging
override SHAPE_1: u32 = 0u; // 0: read at run time
override SHAPE_2: u32 = 0u;
override SHAPE_3: u32 = 0u;
override SHAPE_4: u32 = 0u;
override SHAPE_5: u32 = 0u;
override WG: u32 = 256u;    // invocations per workgroup
const STEP: u32 = 8u; // tune: 1 2 4 8
const COMPARISONS: u32 = 10u; // KIND from here on

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

/// Derivatives of the angle of (q, p): (q, -p) / (p^2 + q^2), in a unit in which the squares
/// neither overflow nor vanish; 0 at the origin.
fn by_angle(p: f32, q: f32) -> vec2f {
    if (((bitcast<u32>(p) | bitcast<u32>(q)) << 1u) == 0u) {
        return vec2f(); // both are zeros, of either sign
    }
    let size = max(abs(p), abs(q));
    let unit = select(select(1.0, 0x1p100, size < 0x1p-60), 0x1p-60, size > 0x1p60);
    let a = p * unit;
    let b = q * unit;
    return vec2f(b, -a) / (a * a + b * b) * unit;
}

/// 1 where `holds`, else 0; NaN where p or q is, which are then in no order.
fn where_ordered(holds: bool, p: f32, q: f32) -> f32 {
    return select(select(0.0, 1.0, holds), not_a_number(p), is_nan(p) || is_nan(q));
}

/// Derivative of f by its first operand at (p, q), see KIND
fn by_a(p: f32, q: f32) -> f32 {
    switch KIND {
        case 0u, 1u, 8u: { return 1.0; }
        case 2u: { return q; }
        case 3u: { return 1.0 / q; }
        case 4u: { return where_ordered(p >= q, p, q); }
        case 5u: { return where_ordered(p <= q, p, q); }
        case 6u: {
            if (q == 0.0) {
                return 0.0;
            }
            return q * power(p, q - 1.0);
        }
        case 7u: { return 2.0 * (p - q); }
        case 9u: { return by_angle(p, q).x; }
        default: { return 0.0; }
    }
}

/// Derivative of f by its second operand at (p, q), see KIND
fn by_b(p: f32, q: f32) -> f32 {
    switch KIND {
        case 0u: { return 1.0; }
        case 1u: { return -1.0; }
        case 2u: { return p; }
        case 3u: { return -p / (q * q); }
        case 4u: { return where_ordered(p < q, p, q); }
        case 5u: { return where_ordered(p > q, p, q); }
        case 6u: {
            if (p <= 0.0 && !is_nan(p)) {
                return select(0.0, q, is_nan(q));
            }
            return power(p, q) * log(p);
        }
        case 7u: { return 2.0 * (q - p); }
        case 8u: { return -floor(p / q); }
        case 9u: { return by_angle(p, q).y; }
        default: { return 0.0; }
    }
}

@compute @workgroup_size(WG)
fn binary_grad(
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
            let i = line * length + k;
            let p = a[in_a + k * params.a_5];
            let q = b[in_b + k * params.b_5];
            let d = d_y[i];
            if (KIND >= COMPARISONS) {
                // flat, but NaN and infinities pass through
                let lost = !is_finite(d) || is_nan(p) || is_nan(q);
                d_operand[i] = select(0.0, not_a_number(d), lost);
            } else if (SIDE == 0u) {
                d_operand[i] = d * by_a(p, q);
            } else {
                d_operand[i] = d * by_b(p, q);
            }
        }
    }
}
