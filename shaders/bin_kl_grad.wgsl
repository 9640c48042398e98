// bin_kl_grad — gradient of the mean divergence with respect to the student's logits.
//
//   d_student[r, k] = d_loss tau / count (q^S_k - q^T_k);  0 where usable[r] <= 0 or count = 0
//
// Layout   student, teacher, d_student [V, H, W, K]; usable [V, H, W, 1]; count, d_loss [1];
//          statistics [V, H, W, 4]: (maximum, 1 / sum) of the student's, then of the teacher's
//          exponentials
// Mapping  LANES neighbouring invocations share a pixel and step through it together, so that loads
//          coalesce
// Memory   2 loads + 1 store per bin; bound by bandwidth
// Source   method of the twin; Hinton et al. 2015 (arXiv:1503.02531) eq. 2
// Twin     src/kernels/depth_bins/bin_kl.ts

struct Params {
    rows: u32,                // pixels
    bins: u32,                // K
    temperature: f32,         // tau
    inverse_temperature: f32, // 1 / tau
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> student: array<f32>;
@group(0) @binding(2) var<storage, read> teacher: array<f32>;
@group(0) @binding(3) var<storage, read> usable: array<f32>;
@group(0) @binding(4) var<storage, read> statistics: array<f32>;
@group(0) @binding(5) var<storage, read> count: array<f32>;
@group(0) @binding(6) var<storage, read> d_loss: array<f32>;
@group(0) @binding(7) var<storage, read_write> d_student: array<f32>;

override BINS: u32 = 0u; // 0: read at run time
override WG: u32 = 256u; // invocations per workgroup
const LANES: u32 = 8u; // tune: 4 8 16 32

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

@compute @workgroup_size(WG)
fn bin_kl_grad(
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
    let used = usable[row] > 0.0;
    if (!used) {
        for (var k = lane % LANES; k < bins; k += LANES) {
            d_student[start + k] = 0.0;
        }
        return;
    }
    // a usable pixel makes the count at least 1
    let weight = d_loss[0] * params.temperature / count[0];
    let s_max = statistics[4u * row];
    let s_scale = statistics[4u * row + 1u] * weight;
    let t_max = statistics[4u * row + 2u];
    let t_scale = statistics[4u * row + 3u] * weight;
    for (var k = lane % LANES; k < bins; k += LANES) {
        let q_s = exp(student[start + k] * params.inverse_temperature - s_max) * s_scale;
        let q_t = exp(teacher[start + k] * params.inverse_temperature - t_max) * t_scale;
        d_student[start + k] = q_s - q_t;
    }
}
