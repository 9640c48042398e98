// silog_grad — gradient of the scale-invariant log loss with respect to depth.
//
//   d_depth_i = d_loss scale / root d_g_i / (depth_i + 1e-7)
//   d_g_i = (g_i - mean) / (count - 1) + (1 - lambda) mean / count
//   0 where valid_i <= 0, and everywhere for fewer than two pixels
//
// Layout   depth, depth_m, valid, d_depth [V, H, W, 1], n pixels; statistics [4]: (count, mean,
//          variance, root); d_loss [1]
// Mapping  one invocation per STEP pixels, a workgroup's width apart, so that neighbours load
//          neighbours
// Memory   3 loads + 1 store per pixel; bound by bandwidth
// Source   derivative of AdaBins eq. 4
// Twin     src/kernels/silog.ts

struct Params {
    n: u32,           // pixels
    mean_weight: f32, // 1 - lambda
    scale: f32,       // alpha of the paper
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> depth: array<f32>;
@group(0) @binding(2) var<storage, read> depth_m: array<f32>;
@group(0) @binding(3) var<storage, read> valid: array<f32>;
@group(0) @binding(4) var<storage, read> statistics: array<f32>;
@group(0) @binding(5) var<storage, read> d_loss: array<f32>;
@group(0) @binding(6) var<storage, read_write> d_depth: array<f32>;

override WG: u32 = 256u; // invocations per workgroup
const STEP: u32 = 4u; // tune: 1 2 4 8
const EPSILON: f32 = 1e-7; // host: of the definition: keeps the logarithm of depth 0 finite

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

// <lib is_nan>
/// Whether x is NaN, by its bits: WGSL may assume that comparisons never see one.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
// </lib>

@compute @workgroup_size(WG)
fn silog_grad(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let start = (group.x + group.y * groups.x) * WG * STEP + lane;
    let count = statistics[0];
    let mean = statistics[1];
    let enough = count >= 2.0 || is_nan(count);
    let outer = d_loss[0] * params.scale / select(1.0, statistics[3], enough);
    let shift = params.mean_weight * mean / max(count, 1.0);
    for (var s = 0u; s < STEP; s++) {
        let i = start + s * WG;
        if (i < params.n) {
            var d = 0.0;
            if (enough && valid[i] > 0.0) {
                let near = depth[i] + EPSILON;
                let g = log_of(near / (depth_m[i] + EPSILON));
                d = outer * ((g - mean) / (count - 1.0) + shift) / near;
            }
            d_depth[i] = d;
        }
    }
}
