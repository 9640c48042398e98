// depth_error — the cost of the depth error of each pixel in metres: absolute or reverse Huber.
//
//   cost_i = scale |e_i|, e = depth - depth_m; 0 where valid_i <= 0
//   with a threshold c: cost_i = scale (e_i^2 + c^2) / (2 c) where |e_i| > c
//
// Layout   depth, depth_m, valid, cost [V, H, W, 1], n pixels, metres; threshold [1] or absent
// Mapping  one invocation per STEP pixels, a workgroup's width apart, so that neighbours load
//          neighbours
// Memory   3 loads + 1 store per pixel; bound by bandwidth
// Source   Laina et al. 2016 (arXiv:1606.00373) eq. 1
// Twin     src/kernels/depth_error.ts

struct Params {
    n: u32,     // pixels
    scale: f32, // factor of the cost
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> depth: array<f32>;
@group(0) @binding(2) var<storage, read> depth_m: array<f32>;
@group(0) @binding(3) var<storage, read> valid: array<f32>;
@group(0) @binding(4) var<storage, read> threshold: array<f32>;
@group(0) @binding(5) var<storage, read_write> cost: array<f32>;

override HAS_THRESHOLD: bool = false;
override WG: u32 = 256u; // invocations per workgroup
const STEP: u32 = 4u; // tune: 1 2 4 8

// <lib is_nan>
/// Whether x is NaN, by its bits: WGSL may assume that comparisons never see one.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
// </lib>

@compute @workgroup_size(WG)
fn depth_error(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let start = (group.x + group.y * groups.x) * WG * STEP + lane;
    var c = 0.0;
    if (HAS_THRESHOLD) {
        c = threshold[0];
    }
    for (var s = 0u; s < STEP; s++) {
        let i = start + s * WG;
        if (i < params.n) {
            var value = 0.0;
            if (valid[i] > 0.0) {
                value = abs(depth[i] - depth_m[i]);
                if (HAS_THRESHOLD && (value > c || is_nan(c))) {
                    // (e^2 + c^2) / (2 c) without squares, which overflow first
                    value = 0.5 * (value * (value / c) + c);
                }
            }
            cost[i] = params.scale * value;
        }
    }
}
