// bin_distill_factors — the factors that the gradients of a distilled decode need at each pixel.
//
//   factors[r] = (maxima and 1 / sums, d_depth scale, d_cross scale, d_kl, d_depth depth)
//
// Layout   statistics [V, H, W, 4]; scale [V] or absent; depth [V, H, W, 1]; d_depth, d_cross, d_kl
//          [V, H, W, 1] or absent; factors [V, H, W, 8]
// Mapping  one invocation per pixel
// Memory   9 loads + 8 stores per pixel
// Source   elementary
// Twin     src/kernels/depth_bins/bin_distill.ts

struct Params {
    rows: u32,  // pixels of all views
    plane: u32, // pixels of a view
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> statistics: array<f32>;
@group(0) @binding(2) var<storage, read> scale: array<f32>;
@group(0) @binding(3) var<storage, read> depth: array<f32>;
@group(0) @binding(4) var<storage, read> d_depth: array<f32>;
@group(0) @binding(5) var<storage, read> d_cross: array<f32>;
@group(0) @binding(6) var<storage, read> d_kl: array<f32>;
@group(0) @binding(7) var<storage, read_write> factors: array<f32>;

override HAS_SCALE: bool = false;
override HAS_D_DEPTH: bool = false;
override HAS_D_CROSS: bool = false;
override HAS_D_KL: bool = false;
override WG: u32 = 64u; // invocations per workgroup
const FACTORS: u32 = 8u; // host: numbers per pixel in factors

@compute @workgroup_size(WG)
fn bin_distill_factors(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let row = (group.x + group.y * groups.x) * WG + lane;
    if (row >= params.rows) {
        return;
    }
    var unit = 1.0;
    var by_depth = 0.0;
    var by_cross = 0.0;
    var by_kl = 0.0;
    if (HAS_SCALE) {
        unit = scale[row / params.plane];
    }
    if (HAS_D_DEPTH) {
        by_depth = d_depth[row];
    }
    if (HAS_D_CROSS) {
        by_cross = d_cross[row];
    }
    if (HAS_D_KL) {
        by_kl = d_kl[row];
    }
    for (var i = 0u; i < 4u; i++) {
        factors[FACTORS * row + i] = statistics[4u * row + i];
    }
    factors[FACTORS * row + 4u] = by_depth * unit;
    factors[FACTORS * row + 5u] = by_cross * unit;
    factors[FACTORS * row + 6u] = by_kl;
    factors[FACTORS * row + 7u] = by_depth * depth[row];
}
