// activation_subgroup — activation.wgsl in fours, many vectors per lane.
//
//   y[i] = f(x[i]),  f by KIND: 0 relu, 1 leaky relu, 2 elu, 3 gelu (exact), 4 sigmoid, 5 softplus,
//   6 tanh; NaN of NaN
//
// Layout   x, y: any shape whose elements are a multiple of four, n / 4 vectors f32
// Mapping  a workgroup of one subgroup steps through STEP vectors per lane: what software adapters do
//          before the first of them costs as much as one; two at a time, so that the arithmetic of
//          one need not wait for that of the other
// Memory   1 load + 1 store of 16 bytes per vector
// Source   elementary; gelu(x) = x Phi(x), Hendrycks and Gimpel 2016 (arXiv:1606.08415)
// Twin     src/kernels/activation.ts

enable subgroups;

struct Params {
    n: u32,     // elements, a multiple of four
    alpha: f32, // slope (leaky relu) or scale (elu) for x < 0
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

override KIND: u32 = 0u;
override LANES: u32 = 8u; // of a subgroup: 4 to 64; the workgroup is exactly one
const STEP: u32 = 32u; // tune: 8 32 64

// <lib is_nan>
/// Whether x is NaN, by its bits: WGSL may assume that comparisons never see one.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
// </lib>

// <lib gelus>
/// v Phi(v) of each number, Phi the normal distribution function: to 3e-7, and from -5 to 0 to 3e-6
/// of its value; the same bits as gelu.
fn gelus(v: vec4f) -> vec4f {
    let a = min(abs(v), vec4f(20.0)); // where Phi(-a) is 0 in f32
    let a2 = a * a;
    let low = (0.03989452 + a * 0.01670793) + a2 * (2.473593e-3 - a * 4.4940327e-5);
    let high = (3.9453982e-5 + a * 2.5330885e-6) + a2 * (a * 5.964486e-8 - 4.2125515e-7);
    let x = a * (low + a2 * a2 * high);
    let x2 = x * (2.0 + x);
    let x4 = x2 * (2.0 + x2);
    let p4 = 1.0 + x4;
    let p8 = 1.0 + x4 * (2.0 + x4);
    let h = 0.5 / (p8 * p8 * p4);
    return v * select(h, 1.0 - h, v >= vec4f());
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

// <lib activation_values>
/// tanh v = e / (e + 2), e = e^2v - 1: exact near 0, where the builtin may be off by more than v;
/// 1 beyond 10 in f32
fn tanh_of(v: f32) -> f32 {
    let e = expm1(2.0 * min(abs(v), 10.0));
    return sign(v) * e / (e + 2.0);
}

/// 1 / (1 + e^-v) without overflow
fn sigmoid(v: f32) -> f32 {
    let e = exp(-abs(v));
    return select(e, 1.0, v >= 0.0) / (1.0 + e);
}

/// f(v) of a number by KIND, which is not gelu
fn value(v: f32) -> f32 {
    switch KIND {
        case 0u: { return max(v, 0.0); }
        case 1u: { return select(params.alpha * v, v, v > 0.0); }
        case 2u: { return select(params.alpha * expm1(min(v, 0.0)), v, v > 0.0); }
        case 4u: { return sigmoid(v); }
        // ln(1 + e^v) without overflow
        case 5u: { return max(v, 0.0) + log1p(exp(-abs(v))); }
        default: { return tanh_of(v); }
    }
}

/// f of each number; NaN of NaN
fn values(v: vec4f) -> vec4f {
    if (KIND == 3u) {
        return gelus(v); // its arithmetic keeps NaN
    }
    return select(
        vec4f(value(v.x), value(v.y), value(v.z), value(v.w)),
        v,
        vec4<bool>(is_nan(v.x), is_nan(v.y), is_nan(v.z), is_nan(v.w)),
    );
}
// </lib>

@compute @workgroup_size(LANES)
fn activation_subgroup(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let start = (group.x + group.y * groups.x) * LANES * STEP;
    let end = min(start + LANES * STEP, params.n / 4u);
    for (var i = start + lane; i < end; i += 2u * LANES) {
        let j = i + LANES;
        let first = x[i];
        let second = x[min(j, end - 1u)];
        y[i] = values(first);
        if (j < end) {
            y[j] = values(second);
        }
    }
}
