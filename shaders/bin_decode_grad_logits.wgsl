// bin_decode_grad_logits — gradient of the decoded depth with respect to the logits.
//
//   d_logits[r, k] = d_depth[r] p_k (scale[v] centers[s, k] - depth[r])
//   p_k = exp(logits[r, k] - m_r) / sum_r
//
// Layout   logits, d_logits [V, H, W, K]; centers [V, H, W, K], [V, 1, 1, K] or [1, 1, 1, K]; scale
//          [V] or absent; statistics [V, H, W, 2]: (m, 1 / sum); depth, d_depth [V, H, W, 1]
// Mapping  LANES neighbouring invocations share a pixel and step through it together, so that loads
//          coalesce
// Memory   2 loads + 1 store per bin; bound by bandwidth
// Source   elementary
// Twin     src/kernels/depth_bins/bin_decode.ts

struct Params {
    rows: u32,              // pixels of all views
    bins: u32,              // K
    plane: u32,             // pixels of a view
    pixels_per_center: u32, // pixels that share one set of centres
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> centers: array<f32>;
@group(0) @binding(3) var<storage, read> scale: array<f32>;
@group(0) @binding(4) var<storage, read> statistics: array<f32>;
@group(0) @binding(5) var<storage, read> depth: array<f32>;
@group(0) @binding(6) var<storage, read> d_depth: array<f32>;
@group(0) @binding(7) var<storage, read_write> d_logits: array<f32>;

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
fn bin_decode_grad_logits(
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
    let center_start = row / fixed_or(PIXELS_PER_CENTER, params.pixels_per_center) * bins;
    let m = statistics[2u * row];
    let weight = d_depth[row] * statistics[2u * row + 1u];
    let mean = depth[row];
    var unit = 1.0;
    if (HAS_SCALE) {
        unit = scale[row / fixed_or(PLANE, params.plane)];
    }
    for (var k = lane % LANES; k < bins; k += LANES) {
        let e = exp(logits[start + k] - m);
        d_logits[start + k] = weight * e * (unit * centers[center_start + k] - mean);
    }
}
