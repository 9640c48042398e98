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
        let w = v * 0.70710678; // Phi(v) + v phi(v)
        slope = 0.5 * (1.0 + vec4f(erf(w.x), erf(w.y), erf(w.z), erf(w.w)))
            + v * 0.39894228 * exp(-0.5 * v * v);
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
    var sum = vec4f();
    for (var r = s * params.slab; r < min((s + 1u) * params.slab, params.rows); r++) {
        let i = r * params.quads + q;
        let d = d_y[i] * activated_slope(x[i]);
        d_x[i] = d;
        sum += d;
    }
    slab_sums[s * params.quads + q] = sum;
}
