// softmax_bins_rows — probability of each depth bin, one invocation a pixel.
//
//   probabilities[r, k] = exp(z_k - m) / sum_j exp(z_j - m)
//   z_k = logits[r, k] / temperature,  m = max_j z_j
//
// Layout   logits, probabilities: [..., K] f32, bins contiguous; rows r are pixels
// Mapping  one invocation per row: no barrier, no workgroup memory; for adapters where loads need
//          not coalesce
// Memory   2 loads + 1 store per bin
// Source   online softmax, Milakov and Gimelshein 2018 (arXiv:1805.02867)
// Twin     src/kernels/softmax_bins.ts

struct Params {
    rows: u32,                // pixels
    bins: u32,                // K
    inverse_temperature: f32, // 1 / temperature
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read_write> probabilities: array<f32>;

override BINS: u32 = 0u; // 0: read at run time
override WG: u32 = 64u; // invocations per workgroup

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

@compute @workgroup_size(WG)
fn softmax_bins_rows(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = (group.x + group.y * groups.x) * WG + lane;
    if (row >= params.rows) {
        return;
    }
    let bins = fixed_or(BINS, params.bins);
    let start = row * bins;

    // pass 1: running maximum and the sum rescaled to it, with one exponential a bin
    var m = logits[start] * params.inverse_temperature;
    var sum = 1.0;
    for (var k = 1u; k < bins; k++) {
        let z = logits[start + k] * params.inverse_temperature;
        let e = exp(-abs(z - m));
        sum = select(sum + e, sum * e + 1.0, z > m);
        m = max(m, z);
    }

    // pass 2: normalise
    let scale = 1.0 / sum;
    for (var k = 0u; k < bins; k++) {
        probabilities[start + k] = exp(logits[start + k] * params.inverse_temperature - m) * scale;
    }
}
