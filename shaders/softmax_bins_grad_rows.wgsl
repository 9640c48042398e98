// softmax_bins_grad_rows — gradient of the bin probabilities, one invocation per pixel.
//
//   d_logits[r, k] = p_k (d_k - sum_j p_j d_j) / temperature
//   p = probabilities[r], d = d_probabilities[r]
//
// Layout   probabilities, d_probabilities, d_logits: [..., K] f32, bins contiguous; rows r are
//          pixels
// Mapping  one invocation per pixel: no barrier, no workgroup memory; for adapters that do not need
//          coalesced loads
// Memory   4 loads + 1 store per bin
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
override WG: u32 = 64u; // invocations per workgroup

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

@compute @workgroup_size(WG)
fn softmax_bins_grad_rows(
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
    var dot = 0.0;
    for (var k = 0u; k < bins; k++) {
        dot += probabilities[start + k] * d_probabilities[start + k];
    }
    for (var k = 0u; k < bins; k++) {
        let i = start + k;
        d_logits[i] = probabilities[i] * (d_probabilities[i] - dot) * params.inverse_temperature;
    }
}
