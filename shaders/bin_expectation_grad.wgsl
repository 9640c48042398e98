// bin_expectation_grad — gradient of the expectation with respect to one of its factors.
//
//   d_x[r, k] = d_depth[r] scale[v] factor[s, k],  s = r / pixels_per_center, v = r / plane
//
// Layout   factor [V, H, W, K], [V, 1, 1, K] or [1, 1, 1, K] (the centres for d_probabilities, the
//          probabilities for d_centers); d_depth [V, H, W, 1]; scale [V] or absent; d_x
//          [V, H, W, K]
// Mapping  LANES neighbouring invocations share a pixel and step through it together, so that
//          stores coalesce
// Memory   1 load + 1 store per bin; bound by bandwidth
// Source   elementary
// Twin     src/kernels/depth_bins/bin_expectation.ts

struct Params {
    rows: u32,              // pixels of all views
    bins: u32,              // K
    plane: u32,             // pixels of a view
    pixels_per_center: u32, // pixels that share one row of the factor
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> factor: array<f32>;
@group(0) @binding(2) var<storage, read> d_depth: array<f32>;
@group(0) @binding(3) var<storage, read> scale: array<f32>;
@group(0) @binding(4) var<storage, read_write> d_x: array<f32>;

override BINS: u32 = 0u; // 0: read at run time
override PLANE: u32 = 0u; // 0: read at run time
override PIXELS_PER_CENTER: u32 = 0u; // 0: read at run time
override HAS_SCALE: bool = false;
override WG: u32 = 256u; // invocations per workgroup
const LANES: u32 = 8u; // tune: 4 8 16 32

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

@compute @workgroup_size(WG)
fn bin_expectation_grad(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let row = (group.x + group.y * groups.x) * (WG / LANES) + lane / LANES;
    if (row >= params.rows) {
        return;
    }
    let bins = fixed_or(BINS, params.bins);
    let start = row * bins;
    let factor_start = row / fixed_or(PIXELS_PER_CENTER, params.pixels_per_center) * bins;
    var d = d_depth[row];
    if (HAS_SCALE) {
        d *= scale[row / fixed_or(PLANE, params.plane)];
    }
    for (var k = lane % LANES; k < bins; k += LANES) {
        d_x[start + k] = d * factor[factor_start + k];
    }
}
