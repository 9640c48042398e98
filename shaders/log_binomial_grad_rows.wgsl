// log_binomial_grad_rows — gradient of the binomial logits, one invocation per pixel.
//
//   d_pi[r] = sum_k d_k (k / p - (n - k) / q) / t,  d_t[r] = -sum_k d_k logits[r, k] / t
//   d = d_logits[r], n = K - 1; k / p is 0 where p is clamped, (n - k) / q where q is
//
// Layout   pi, t, d_pi, d_t [V, H, W, 1]; logits, d_logits [V, H, W, K], bins contiguous; rows r
//          are pixels
// Mapping  one invocation per pixel: no barrier, no workgroup memory; for adapters that do not need
//          coalesced loads
// Memory   2 loads per bin + 2 stores per pixel
// Source   derivative of log_binomial
// Twin     src/kernels/depth_bins/log_binomial.ts

struct Params {
    rows: u32, // pixels
    bins: u32, // K
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> pi: array<f32>;
@group(0) @binding(2) var<storage, read> t: array<f32>;
@group(0) @binding(3) var<storage, read> logits: array<f32>;
@group(0) @binding(4) var<storage, read> d_logits: array<f32>;
@group(0) @binding(5) var<storage, read_write> d_pi: array<f32>;
@group(0) @binding(6) var<storage, read_write> d_t: array<f32>;

override BINS: u32 = 0u; // 0: read at run time
override WG: u32 = 64u; // invocations per workgroup
const FLOOR: f32 = 1e-4; // host: of p and q, by the definition

// <lib is_nan>
/// Whether x is NaN, by its bits: WGSL may assume that comparisons never see one.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
// </lib>

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

@compute @workgroup_size(WG)
fn log_binomial_grad_rows(
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
    let n = f32(bins - 1u);
    let by_p = select(0.0, 1.0 / pi[row], pi[row] >= FLOOR || is_nan(pi[row]));
    let by_q = select(0.0, 1.0 / (1.0 - pi[row]), 1.0 - pi[row] >= FLOOR);
    var sum = vec2f(0.0);
    for (var bin = 0u; bin < bins; bin++) {
        let k = f32(bin);
        let d = d_logits[row * bins + bin];
        sum += d * vec2f(k * by_p - (n - k) * by_q, logits[row * bins + bin]);
    }
    d_pi[row] = sum.x / t[row];
    d_t[row] = -sum.y / t[row];
}
