// norm_fused_grad_input — gradient of a fused normalisation with respect to its input.
//
//   d_x = r (gamma g - (group_sum + xhat group_dot) / n),  g = (d_a + d_b) f'(v),
//   v = xhat gamma + beta,  xhat = (x - mean) r,  r = 1 / sqrt(variance + epsilon), n = elements of a
//   set
//
// Layout   x, d_x: [B, P, C] f32, channels contiguous, C a multiple of 4; d_a, d_b (or absent): C of
//          the channels of wider rows; gamma, beta: [C]; sets: [B, G, 4] = (mean, r, group_sum,
//          group_dot)
// Mapping  one invocation per four channels of RUN pixels ceil(P / RUN) apart: neighbours load
//          neighbours, and the numbers of a set are loaded once for all of them
// Memory   2 or 3 loads + 1 store of 16 bytes per four elements; bound by bandwidth
// Source   as norm_grad_input.wgsl and activation_grad.wgsl
// Twin     src/kernels/norm_fused.ts

struct Params {
    batches: u32,     // B
    pixels: u32,      // P
    quads: u32,       // C / 4
    groups: u32,      // G
    group_depth: u32, // C / G
    a_pitch: u32,     // channels of a row of d_a / 4
    a_first: u32,     // its first channel / 4
    b_pitch: u32,     // the same of d_b; a pitch of 0: absent
    b_first: u32,
    share: f32,       // 1 / (P C / G)
    alpha: f32,       // scale of elu below 0
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> d_a: array<vec4f>;
@group(0) @binding(3) var<storage, read> d_b: array<vec4f>;
@group(0) @binding(4) var<storage, read> gamma: array<vec4f>;
@group(0) @binding(5) var<storage, read> beta: array<vec4f>;
@group(0) @binding(6) var<storage, read> sets: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> d_x: array<vec4f>;

override KIND: u32 = 0u;
override WG: u32 = 64u; // invocations per workgroup
const RUN: u32 = 8u; // tune: 4 8 16

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
fn norm_fused_grad_input(
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
    // one column per number of a set, one row per channel
    let numbers = transpose(mat4x4f(sets[at.x], sets[at.y], sets[at.z], sets[at.w]));
    let r = numbers[1];
    let weight = gamma[q];
    let scale = r * weight;
    let shift = beta[q];
    for (var p = j; p < params.pixels; p += blocks) { // RUN times at most; unrolled, its code is too long
        let row = b * params.pixels + p;
        var d = d_a[row * params.a_pitch + params.a_first + q];
        if (params.b_pitch != 0u) {
            d += d_b[row * params.b_pitch + params.b_first + q];
        }
        let i = row * params.quads + q;
        let centred = x[i] - numbers[0];
        let g = weight * (d * activated_slope(centred * scale + shift));
        d_x[i] = r * (g - (numbers[2] + centred * r * numbers[3]) * params.share);
    }
}
