// masked_mean_grad — gradient of the mean of the elements that a mask keeps.
//
//   d_x[i] = d_mean / count where mask[i] > 0, else 0
//
// Layout   mask, d_x: any shape, n elements f32; count, d_mean [1]
// Mapping  one invocation per STEP elements, a workgroup's width apart, so that neighbours store
//          neighbours
// Memory   1 load + 1 store per element; bound by bandwidth
// Source   elementary
// Twin     src/kernels/masked_mean.ts

struct Params {
    n: u32, // elements
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> mask: array<f32>;
@group(0) @binding(2) var<storage, read> count: array<f32>;
@group(0) @binding(3) var<storage, read> d_mean: array<f32>;
@group(0) @binding(4) var<storage, read_write> d_x: array<f32>;

override WG: u32 = 256u; // invocations per workgroup
const STEP: u32 = 4u; // tune: 1 2 4 8

// <lib is_nan>
/// Whether x is NaN, by its bits: WGSL may assume that comparisons never see one.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
// </lib>

// <lib max_or_nan>
/// The larger of a and b; NaN where either is, which WGSL's `max` may lose.
fn max_or_nan(a: f32, b: f32) -> f32 {
    return select(select(max(a, b), b, is_nan(b)), a, is_nan(a));
}
// </lib>

@compute @workgroup_size(WG)
fn masked_mean_grad(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let start = (group.x + group.y * groups.x) * WG * STEP + lane;
    let share = d_mean[0] / max_or_nan(count[0], 1.0);
    for (var s = 0u; s < STEP; s++) {
        let i = start + s * WG;
        if (i < params.n) {
            d_x[i] = select(0.0, share, mask[i] > 0.0);
        }
    }
}
