// norm_fused_grad_sums — sums over slices of pixels for the gradients of a fused normalisation.
//
//   slab_sums[b, s, 0, c] = sum_p g,  slab_sums[b, s, 1, c] = sum_p g xhat,  p in slice s
//   g = (d_a + d_b) f'(v),  v = xhat gamma[c] + beta[c],  xhat = (x - mean) / sqrt(variance +
//   epsilon)
//
// Layout   x: [B, P, C] f32, channels contiguous, C a multiple of 4; d_a, d_b (or absent): C of the
//          channels of wider rows; mean, variance: [B, G]; gamma, beta: [C]; slab_sums: [B, S, 2, C]
// Mapping  one invocation per (b, s, four channels), channels fastest: every load is coalesced
// Memory   reads x, d_a and d_b once; bound by bandwidth
// Source   as norm_grad_partial.wgsl and activation_grad.wgsl
// Twin     src/kernels/norm_fused.ts

struct Params {
    batches: u32,     // B
    pixels: u32,      // P
    quads: u32,       // C / 4
    groups: u32,      // G
    group_depth: u32, // C / G
    slabs: u32,       // S
    a_pitch: u32,     // channels of a row of d_a / 4
    a_first: u32,     // its first channel / 4
    b_pitch: u32,     // the same of d_b; a pitch of 0: absent
    b_first: u32,
    epsilon: f32,
    alpha: f32,       // scale of elu below 0
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> d_a: array<vec4f>;
@group(0) @binding(3) var<storage, read> d_b: array<vec4f>;
@group(0) @binding(4) var<storage, read> mean: array<f32>;
@group(0) @binding(5) var<storage, read> variance: array<f32>;
@group(0) @binding(6) var<storage, read> gamma: array<vec4f>;
@group(0) @binding(7) var<storage, read> beta: array<vec4f>;
@group(0) @binding(8) var<storage, read_write> slab_sums: array<vec4f>;

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
fn norm_fused_grad_sums(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let unit = (group.x + group.y * groups.x) * WG + lane;
    let q = unit % params.quads;
    let s = unit / params.quads % params.slabs;
    let b = unit / params.quads / params.slabs;
    if (b >= params.batches) {
        return;
    }
    let at = b * params.groups + (4u * q + vec4u(0u, 1u, 2u, 3u)) / params.group_depth;
    let m = vec4f(mean[at.x], mean[at.y], mean[at.z], mean[at.w]);
    let v = vec4f(variance[at.x], variance[at.y], variance[at.z], variance[at.w]);
    let r = inverseSqrt(v + params.epsilon);
    let scale = r * gamma[q];
    let shift = beta[q];
    let slab = (params.pixels + params.slabs - 1u) / params.slabs;
    let first = b * params.pixels + s * slab;
    let last = b * params.pixels + min((s + 1u) * slab, params.pixels);
    let width = params.quads;
    let a_pitch = params.a_pitch;
    let b_pitch = params.b_pitch;
    let end = last * width;
    var in_a = first * a_pitch + params.a_first + q;
    var in_b = first * b_pitch + params.b_first + q;
    var sum = vec4f();
    var product = vec4f();
    for (var i = first * width + q; i < end; i += width) {
        var d = d_a[in_a];
        if (b_pitch != 0u) {
            d += d_b[in_b];
        }
        in_a += a_pitch;
        in_b += b_pitch;
        let centred = x[i] - m;
        let g = d * activated_slope(centred * scale + shift);
        sum += g;
        product += g * centred;
    }
    let to = (b * params.slabs + s) * 2u * params.quads + q;
    slab_sums[to] = sum;
    slab_sums[to + params.quads] = product * r;
}
