// bin_expectation_rows — expectation of the bin centres, one invocation per pixel.
//
//   depth[r] = scale[v] sum_k probabilities[r, k] centers[s, k]
//   s = r / pixels_per_center, v = r / plane
//
// Layout   probabilities [V, H, W, K]; centers [V, H, W, K], [V, 1, 1, K] or [1, 1, 1, K]; scale
//          [V] or absent; depth [V, H, W, 1] in the units of the centres
// Mapping  one invocation per pixel: no barrier, no workgroup memory; for adapters that do not need
//          coalesced loads
// Memory   2 loads per bin + 1 store per pixel
// Source   AdaBins, Bhat et al. 2021 (arXiv:2011.14141) eq. 3
// Twin     src/kernels/depth_bins/bin_expectation.ts

struct Params {
    rows: u32,              // pixels of all views
    bins: u32,              // K
    plane: u32,             // pixels of a view
    pixels_per_center: u32, // pixels that share one set of centres
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> probabilities: array<f32>;
@group(0) @binding(2) var<storage, read> centers: array<f32>;
@group(0) @binding(3) var<storage, read> scale: array<f32>;
@group(0) @binding(4) var<storage, read_write> depth: array<f32>;

override BINS: u32 = 0u; // 0: read at run time
override PLANE: u32 = 0u; // 0: read at run time
override PIXELS_PER_CENTER: u32 = 0u; // 0: read at run time
override HAS_SCALE: bool = false;
override WG: u32 = 64u; // invocations per workgroup

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

@compute @workgroup_size(WG)
fn bin_expectation_rows(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let row = (group.x + group.y * groups.x) * WG + lane;
    if (row >= params.rows) {
        return;
    }
    let bins = fixed_or(BINS, params.bins);
    let start = row * bins;
    let center_start = row / fixed_or(PIXELS_PER_CENTER, params.pixels_per_center) * bins;
    var sum = 0.0;
    for (var k = 0u; k < bins; k++) {
        sum += probabilities[start + k] * centers[center_start + k];
    }
    if (HAS_SCALE) {
        sum *= scale[row / fixed_or(PLANE, params.plane)];
    }
    depth[row] = sum;
}
