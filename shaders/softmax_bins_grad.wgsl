// softmax_bins_grad — gradient of the bin probabilities.
//
//   d_logits[r, k] = p_k (d_k - sum_j p_j d_j) / temperature
//   p = probabilities[r], d = d_probabilities[r]
//
// Layout   probabilities, d_probabilities, d_logits: [..., K] f32, bins contiguous; rows r are
//          pixels
// Mapping  LANES neighbouring invocations share a pixel and step through it together, so that loads
//          coalesce
// Memory   4 loads (two from cache) + 1 store per bin; bound by bandwidth
// Source   elementary
// Twin     src/kernels/depth_bins/softmax_bins.ts

struct Params {
    rows: u32,                // pixels
    bins: u32,                // K
    inverse_temperature: f32, // 1 / temperature
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> probabilities: array<f32>;
@group(0) @binding(2) var<storage, read> d_probabilities: array<f32>;
@group(0) @binding(3) var<storage, read_write> d_logits: array<f32>;

override BINS: u32 = 0u; // 0: read at run time
override WG: u32 = 256u; // invocations per workgroup
const LANES: u32 = 8u; // tune: 4 8 16 32

var<workgroup> wg_dot: array<f32, WG>; // 1 KiB: each lane's share of sum_j p_j d_j

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

@compute @workgroup_size(WG)
fn softmax_bins_grad(
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

    var dot = 0.0;
    for (var k = part; k < share_end; k += LANES) {
        dot += probabilities[start + k] * d_probabilities[start + k];
    }
    wg_dot[lane] = dot;
    // the pixel's sum is taken over the results of all its lanes
    workgroupBarrier();
    dot = 0.0;
    for (var other = 0u; other < LANES; other++) {
        dot += wg_dot[lane - part + other];
    }
    for (var k = part; k < share_end; k += LANES) {
        let i = start + k;
        d_logits[i] = probabilities[i] * (d_probabilities[i] - dot) * params.inverse_temperature;
    }
}
