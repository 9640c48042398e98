// activation_fused_grad — gradient of a non-linearity, with its sums over slices of rows.
//
//   d_x[r, c] = d_y[r, c] f'(x[r, c]),  slab_sums[s, c] = sum_r d_x[r, c],  r in slice s
//
// Layout   x, d_y, d_x: [R, C] f32, C a multiple of 4; slab_sums: [S, C]
// Mapping  one invocation per four channels of a slice, channels fastest: every load is coalesced
// Memory   2 loads + 1 store of 16 bytes per four elements; bound by bandwidth
// Source   as activation_grad.wgsl and column_sum.wgsl: the sums are the gradient of a bias before
//          the non-linearity
// Twin     src/kernels/activation_fused.ts

struct Params {
    rows: u32,  // R
    quads: u32, // C / 4
    slab: u32,  // rows of a slice
    slabs: u32, // S
    alpha: f32, // scale of elu below 0
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> d_y: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> d_x: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> slab_sums: array<vec4f>;

override KIND: u32 = 0u;
override WG: u32 = 64u; // invocations per workgroup

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

// <lib activated_slope>
/// f'(v) by KIND: 0 one, 1 relu, 2 elu, 3 softplus, 4 gelu; at a kink the left slope, NaN of NaN
fn activated_slope(v: vec4f) -> vec4f {
    if (KIND == 0u) {
        return vec4f(1.0);
    }
    var slope = vec4f(1.0);
    if (KIND == 1u) {
        slope = select(vec4f(), vec4f(1.0), v > vec4f());
    }
    if (KIND == 2u) {
        slope = select(params.alpha * exp(min(v, vec4f())), vec4f(1.0), v > vec4f());
    }
    if (KIND == 3u) {
        let e = exp(-abs(v));
        slope = select(e, vec4f(1.0), v >= vec4f()) / (1.0 + e);
    }
    if (KIND == 4u) {
        slope = normal_cdfs(v) + v * 0.39894228 * exp(-0.5 * v * v); // Phi(v) + v phi(v)
    }
    return select(slope, v, (bitcast<vec4u>(v) & vec4u(0x7fffffffu)) > vec4u(0x7f800000u));
}
// </lib>

@compute @workgroup_size(WG)
fn activation_fused_grad(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let unit = (group.x + group.y * groups.x) * WG + lane;
    let q = unit % params.quads;
    let s = unit / params.quads;
    if (s >= params.slabs) {
        return;
    }
    let end = min((s + 1u) * params.slab, params.rows) * params.quads;
    let width = params.quads;
    var sum = vec4f();
    for (var i = s * params.slab * width + q; i < end; i += width) {
        let d = d_y[i] * activated_slope(x[i]);
        d_x[i] = d;
        sum += d;
    }
    slab_sums[unit] = sum;
}
