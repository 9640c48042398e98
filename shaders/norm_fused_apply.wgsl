// norm_fused_apply — normalises, scales, shifts, applies an activation and adds a residual.
//
//   y[b, p, c] = f((x[b, p, c] - mean[b, g]) / sqrt(variance[b, g] + epsilon) * gamma[c] + beta[c])
//                + residual[b, p, c],  g = group of c
//
// Layout   x, residual (or absent), y: [B, P, C] f32, channels contiguous, C a multiple of 4; mean,
//          variance: [B, G]; gamma, beta: [C]
// Mapping  one invocation per four channels of RUN pixels ceil(P / RUN) apart: neighbours load
//          neighbours, and scale and shift are loaded once for all of them
// Memory   1 or 2 loads + 1 store of 16 bytes per four elements; bound by bandwidth
// Source   as norm_apply.wgsl and activation.wgsl
// Twin     src/kernels/norm_fused.ts

struct Params {
    batches: u32,      // B
    pixels: u32,       // P
    quads: u32,        // C / 4
    groups: u32,       // G
    group_depth: u32,  // C / G
    has_residual: u32, // 0 or 1
    epsilon: f32,
    alpha: f32,        // scale of elu below 0
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> mean: array<f32>;
@group(0) @binding(3) var<storage, read> variance: array<f32>;
@group(0) @binding(4) var<storage, read> gamma: array<vec4f>;
@group(0) @binding(5) var<storage, read> beta: array<vec4f>;
@group(0) @binding(6) var<storage, read> residual: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> y: array<vec4f>;

override KIND: u32 = 0u;
override WG: u32 = 64u; // invocations per workgroup
const RUN: u32 = 8u; // tune: 4 8 16

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

// <lib activated>
/// f(v) by KIND: 0 v itself, 1 relu, 2 elu, 3 softplus, 4 gelu; NaN of NaN
fn activated(v: vec4f) -> vec4f {
    var y = v;
    if (KIND == 1u) {
        y = max(v, vec4f());
    }
    if (KIND == 2u) {
        let low = min(v, vec4f());
        let below = params.alpha * vec4f(expm1(low.x), expm1(low.y), expm1(low.z), expm1(low.w));
        y = select(below, v, v > vec4f());
    }
    if (KIND == 3u) {
        let e = exp(-abs(v)); // ln(1 + e^v) without overflow
        y = max(v, vec4f()) + vec4f(log1p(e.x), log1p(e.y), log1p(e.z), log1p(e.w));
    }
    if (KIND == 4u) {
        y = gelus(v);
    }
    return select(y, v, (bitcast<vec4u>(v) & vec4u(0x7fffffffu)) > vec4u(0x7f800000u));
}
// </lib>

@compute @workgroup_size(WG)
fn norm_fused_apply(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let unit = (group.x + group.y * groups.x) * WG + lane;
    let blocks = (params.pixels + RUN - 1u) / RUN;
    let q = unit % params.quads;
    let j = unit / params.quads % blocks;
    let b = unit / params.quads / blocks;
    if (b >= params.batches) {
        return;
    }
    let at = b * params.groups + (4u * q + vec4u(0u, 1u, 2u, 3u)) / params.group_depth;
    let m = vec4f(mean[at.x], mean[at.y], mean[at.z], mean[at.w]);
    let v = vec4f(variance[at.x], variance[at.y], variance[at.z], variance[at.w]);
    let scale = inverseSqrt(v + params.epsilon) * gamma[q];
    let shift = beta[q];
    for (var k = 0u; k < RUN; k++) {
        let p = j + k * blocks;
        if (p < params.pixels) {
            let i = (b * params.pixels + p) * params.quads + q;
            var made = activated((x[i] - m) * scale + shift);
            if (params.has_residual != 0u) {
                made += residual[i];
            }
            y[i] = made;
        }
    }
}
