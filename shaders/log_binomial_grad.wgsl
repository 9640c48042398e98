// log_binomial_grad — gradient of the binomial logits with respect to probability and temperature.
//
//   d_pi[r] = sum_k d_k (k / p - (n - k) / q) / t,  d_t[r] = -sum_k d_k logits[r, k] / t
//   d = d_logits[r], n = K - 1; k / p is 0 where p is clamped, (n - k) / q where q is
//
// Layout   pi, t, d_pi, d_t [V, H, W, 1]; logits, d_logits [V, H, W, K], bins contiguous; rows r
//          are pixels
// Mapping  LANES neighbouring invocations share a pixel and step through it together, so that loads
//          coalesce
// Memory   2 loads per bin + 2 stores per pixel; bound by bandwidth
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
override WG: u32 = 256u; // invocations per workgroup
const LANES: u32 = 8u; // tune: 4 8 16 32
const FLOOR: f32 = 1e-4; // host: of p and q, by the definition

var<workgroup> wg_sum: array<vec2f, WG>; // 2 KiB: each lane's share of (d_pi t, -d_t t)

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
fn log_binomial_grad(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let bins = fixed_or(BINS, params.bins);
    let row = (group.x + group.y * groups.x) * (WG / LANES) + lane / LANES;
    let part = lane % LANES;
    // no early return for pixels past the end: the barrier below is for all
    let inside = row < params.rows;
    let share_end = select(0u, bins, inside);
    let n = f32(bins - 1u);
    var by_p = 0.0;
    var by_q = 0.0;
    if (inside) {
        by_p = select(0.0, 1.0 / pi[row], pi[row] >= FLOOR || is_nan(pi[row]));
        by_q = select(0.0, 1.0 / (1.0 - pi[row]), 1.0 - pi[row] >= FLOOR);
    }
    var sum = vec2f(0.0);
    for (var bin = part; bin < share_end; bin += LANES) {
        let k = f32(bin);
        let d = d_logits[row * bins + bin];
        sum += d * vec2f(k * by_p - (n - k) * by_q, logits[row * bins + bin]);
    }
    wg_sum[lane] = sum;
    // the first lane adds up the results of all lanes of its pixel
    workgroupBarrier();
    if (part == 0u && inside) {
        for (var other = 1u; other < LANES; other++) {
            sum += wg_sum[lane + other];
        }
        d_pi[row] = sum.x / t[row];
        d_t[row] = -sum.y / t[row];
    }
}
