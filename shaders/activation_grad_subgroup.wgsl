// activation_grad_subgroup — activation_grad.wgsl in fours, many vectors per lane.
//
//   d_x[i] = d_y[i] f'(x[i]),  f by KIND as in activation.wgsl; at the kink of relu and leaky relu
//   the left slope; NaN where x is NaN
//
// Layout   x, d_y, d_x: any shape whose elements are a multiple of four, n / 4 vectors f32
// Mapping  as in activation_subgroup.wgsl
// Memory   2 loads + 1 store of 16 bytes per vector
// Source   elementary
// Twin     src/kernels/activation.ts

enable subgroups;

struct Params {
    n: u32,     // elements, a multiple of four
    alpha: f32, // slope (leaky relu) or scale (elu) for x < 0
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> d_y: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> d_x: array<vec4f>;

override KIND: u32 = 0u;
override LANES: u32 = 8u; // of a subgroup: 4 to 64; the workgroup is exactly one
const STEP: u32 = 32u; // tune: 8 32 64

// <lib is_nan>
/// Whether x is NaN, by its bits: WGSL may assume that comparisons never see one.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
// </lib>

// <lib normal_cdfs>
/// Phi of each number, the normal distribution function: to 3e-7, and from -4 to 0 to 7e-7 of its
/// value; the same bits as normal_cdf.
fn normal_cdfs(v: vec4f) -> vec4f {
    let t = 1.0 / (1.0 + 0.21213203 * abs(v));
    let t2 = t * t;
    let t4 = t2 * t2;
    let low = (0.169188008 + t * 0.170715272) + t2 * (0.148338854 + t * 0.214927167);
    let high = (-0.094653137 + t * 0.547723293) + t2 * (-0.512280762 + t * 0.485564411);
    let p = low + t4 * (high - t4 * 0.129523143);
    let h = 0.5 * t * p * exp(-0.5 * v * v);
    return select(h, 1.0 - h, v >= vec4f());
}
// </lib>

// <lib activation_slopes>
/// e^-v / (1 + e^-v)^2, which is even, without overflow: the slope of sigmoid, and a quarter of that
/// of tanh at v / 2, whose builtin WGSL lets be off by 1e-5
fn bell(v: f32) -> f32 {
    let e = exp(-abs(v));
    return e / ((1.0 + e) * (1.0 + e));
}

/// f'(v) by KIND, which is not gelu
fn slope(v: f32) -> f32 {
    switch KIND {
        case 0u: { return select(0.0, 1.0, v > 0.0); }
        case 1u: { return select(params.alpha, 1.0, v > 0.0); }
        case 2u: { return select(params.alpha * exp(min(v, 0.0)), 1.0, v > 0.0); }
        case 4u: { return bell(v); }
        case 5u: {
            let e = exp(-abs(v));
            return select(e, 1.0, v >= 0.0) / (1.0 + e);
        }
        default: { return 4.0 * bell(2.0 * v); }
    }
}

/// f' of each number; NaN of NaN
fn slopes(v: vec4f) -> vec4f {
    var d = v;
    if (KIND == 3u) {
        d = normal_cdfs(v) + v * 0.39894228 * exp(-0.5 * v * v); // Phi(v) + v phi(v)
    } else {
        d = vec4f(slope(v.x), slope(v.y), slope(v.z), slope(v.w));
    }
    return select(
        d,
        v,
        vec4<bool>(is_nan(v.x), is_nan(v.y), is_nan(v.z), is_nan(v.w)),
    );
}
// </lib>

@compute @workgroup_size(LANES)
fn activation_grad_subgroup(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let start = (group.x + group.y * groups.x) * LANES * STEP;
    let end = min(start + LANES * STEP, params.n / 4u);
    for (var i = start + lane; i < end; i += LANES) {
        d_x[i] = d_y[i] * slopes(x[i]);
    }
}
