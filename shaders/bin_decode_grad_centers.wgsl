// bin_decode_grad_centers — gradient of the decoded depth for each pixel's own centres.
//
//   d_centers[r, k] = d_depth[r] scale[v] p_k,  p_k = exp(logits[r, k] - m_r) / sum_r
//
// Layout   logits, d_centers [V, H, W, K]; scale [V] or absent; statistics [V, H, W, 2]: (m, 1 /
//          sum); d_depth [V, H, W, 1]
// Mapping  LANES neighbouring invocations share a pixel and step through it together, so that loads
//          coalesce
// Memory   1 load + 1 store per bin; bound by bandwidth
// Source   elementary
// Twin     src/kernels/depth_bins/bin_decode.ts

struct Params {
    rows: u32,  // pixels of all views
    bins: u32,  // K
    plane: u32, // pixels of a view
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> scale: array<f32>;
@group(0) @binding(3) var<storage, read> statistics: array<f32>;
@group(0) @binding(4) var<storage, read> d_depth: array<f32>;
@group(0) @binding(5) var<storage, read_write> d_centers: array<f32>;

override BINS: u32 = 0u; // 0: read at run time
override PLANE: u32 = 0u; // 0: read at run time
override HAS_SCALE: bool = false;
override WG: u32 = 256u; // invocations per workgroup
const LANES: u32 = 8u; // tune: 4 8 16 32

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

@compute @workgroup_size(WG)
fn bin_decode_grad_centers(
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
    let m = statistics[2u * row];
    var weight = d_depth[row] * statistics[2u * row + 1u];
    if (HAS_SCALE) {
        weight *= scale[row / fixed_or(PLANE, params.plane)];
    }
    for (var k = lane % LANES; k < bins; k += LANES) {
        d_centers[start + k] = weight * exp(logits[start + k] - m);
    }
}
