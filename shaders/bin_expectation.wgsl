// bin_expectation — depth as the expectation of the bin centres.
//
//   depth[r] = scale[v] sum_k probabilities[r, k] centers[s, k]
//   s = r / pixels_per_center, v = r / plane
//
// Layout   probabilities [V, H, W, K]; centers [V, H, W, K], [V, 1, 1, K] or [1, 1, 1, K]; scale
//          [V] or absent; depth [V, H, W, 1] in the units of the centres
// Mapping  LANES neighbouring invocations share a pixel and step through it together, so that loads
//          coalesce
// Memory   2 loads per bin + 1 store per pixel; bound by bandwidth
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
override WG: u32 = 256u; // invocations per workgroup
const LANES: u32 = 8u; // tune: 4 8 16 32

var<workgroup> wg_sum: array<f32, WG>; // 1 KiB: each lane's share of its pixel's sum

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

@compute @workgroup_size(WG)
fn bin_expectation(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let bins = fixed_or(BINS, params.bins);
    let row = (group.x + group.y * groups.x) * (WG / LANES) + lane / LANES;
    let part = lane % LANES;
    // no early return for pixels past the end: the barrier below is for all
    let share_end = select(0u, bins, row < params.rows);
    let start = row * bins;
    let center_start = row / fixed_or(PIXELS_PER_CENTER, params.pixels_per_center) * bins;

    var sum = 0.0;
    for (var k = part; k < share_end; k += LANES) {
        sum += probabilities[start + k] * centers[center_start + k];
    }
    wg_sum[lane] = sum;
    // the first lane adds up the results of all lanes of its pixel
    workgroupBarrier();
    if (part == 0u && row < params.rows) {
        for (var other = 1u; other < LANES; other++) {
            sum += wg_sum[lane + other];
        }
        if (HAS_SCALE) {
            sum *= scale[row / fixed_or(PLANE, params.plane)];
        }
        depth[row] = sum;
    }
}
