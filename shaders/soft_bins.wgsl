// soft_bins — bin logits of a teacher: a Gaussian around its relative depth.
//
//   logits[r, k] = -(relative[r] - (k + 1/2) / K)^2 K^2 / 2, that is sigma = 1 / K
//
// Layout   relative [V, H, W, 1] in [0, 1], ascending with distance; logits [V, H, W, K], bins
//          contiguous
// Mapping  LANES neighbouring invocations share a pixel and step through it together, so that
//          stores coalesce
// Memory   1 load per pixel + 1 store per bin; bound by bandwidth
// Source   the soft binning of TIE-KD (Choi and Jung 2024) on normalised depth
// Twin     src/kernels/depth_bins/soft_bins.ts

struct Params {
    rows: u32, // pixels
    bins: u32, // K
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> relative: array<f32>;
@group(0) @binding(2) var<storage, read_write> logits: array<f32>;

override BINS: u32 = 0u; // 0: read at run time
override WG: u32 = 256u; // invocations per workgroup
const LANES: u32 = 8u; // tune: 4 8 16 32

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

@compute @workgroup_size(WG)
fn soft_bins(
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
    let at = relative[row] * f32(bins) - 0.5;
    for (var k = lane % LANES; k < bins; k += LANES) {
        let apart = at - f32(k); // in widths of a bin
        logits[row * bins + k] = -0.5 * apart * apart;
    }
}
