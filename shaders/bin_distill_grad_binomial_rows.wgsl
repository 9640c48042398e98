// bin_distill_grad_binomial_rows — gradients of a distilled binomial, one invocation per pixel.
//
//   d_z[r, k] = p_k (a centers[s, k] - e) + g (p_k - q_k),  d_centers[r, k] = a p_k + b q_k
//   d_pi[r] = by_pi sum_k d_z k / t,  d_t[r] = -sum_k d_z z_k / t
//   with STOPPED the depth's part of d_z, p_k (a c - e), is 0
//
// Layout   rows [V, H, W, 5]: (slope, 1 / t, peak, weight of d_pi, scale) of a pixel, from
//          binomial_pack; log_choose [K, 2]: ln C(n, k) in two parts; teacher [V, H, W, 1], [V, H,
//          W, K] or [V, H, W, 5] (rows again), or absent; centers [V, H, W, K], [V, 1, 1, K] or [1,
//          1, 1, K]; factors [V, H, W, 8] = (max^S, 1 / sum^S, max^T, 1 / sum^T, a, b, g, e) from
//          bin_distill_factors; d_pi, d_t [V, H, W, 1]; d_centers [V, H, W, K], or [V, H, W, 0] for
//          none
// Mapping  one invocation per pixel: no barrier, no workgroup memory; for adapters that do not need
//          coalesced loads
// Memory   2 loads + 1 store per bin at most; bound by arithmetic
// Source   derivative of bin_distill_binomial; sum_k d_z = 0, so that k and z count from the peak
// Twin     src/kernels/depth_bins/bin_distill_grad.ts

struct Params {
    rows: u32,              // pixels of all views
    bins: u32,              // K
    pixels_per_center: u32, // pixels that share one set of centres
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> rows: array<f32>;
@group(0) @binding(2) var<storage, read> log_choose: array<f32>;
@group(0) @binding(3) var<storage, read> teacher: array<f32>;
@group(0) @binding(4) var<storage, read> centers: array<f32>;
@group(0) @binding(5) var<storage, read> factors: array<f32>;
@group(0) @binding(6) var<storage, read_write> d_pi: array<f32>;
@group(0) @binding(7) var<storage, read_write> d_t: array<f32>;
@group(0) @binding(8) var<storage, read_write> d_centers: array<f32>;

override BINS: u32 = 0u; // 0: read at run time
override PIXELS_PER_CENTER: u32 = 0u; // 0: read at run time
override TEACHER: u32 = 0u; // NONE, RELATIVE, LOGITS or BINOMIAL
override BY_CENTERS: bool = true; // whether d_centers is wanted
override STOPPED: bool = false; // depth gives no gradient to pi and t
override WG: u32 = 64u; // invocations per workgroup
const NONE: u32 = 0u;
const RELATIVE: u32 = 1u;
const LOGITS: u32 = 2u;
const BINOMIAL: u32 = 3u;

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

// <lib binomial_logit>
/// The numbers of a pixel that determine its logits.
struct BinomialRow {
    slope: vec2f,   // ln(pi / (1 - pi)): a multiple of 2^-10, and the rest
    highest: vec2f, // of the bin at the peak, split likewise
    inverse_t: f32,
}

/// Splits x so that the first part times a bin is exact.
fn split_exact(x: f32) -> vec2f {
    let high = round(x * 1024.0) / 1024.0;
    return vec2f(high, x - high);
}

/// The row of (slope, 1 / t) whose peak is at a bin with entry `choose` of the table.
fn binomial_row(slope: f32, inverse_t: f32, peak: f32, choose: vec2f) -> BinomialRow {
    let parts = split_exact(slope);
    return BinomialRow(parts, choose + peak * parts, inverse_t);
}

/// A logit below the peak's. The large parts cancel exactly: t = 0.0212 multiplies what is lost.
fn binomial_logit(row: BinomialRow, k: f32, choose: vec2f) -> f32 {
    let parts = choose + k * row.slope - row.highest;
    return (parts.x + parts.y) * row.inverse_t;
}
// </lib>

// <lib teacher_logit_tabled>
/// The row of a teacher's binomial, from binomial_pack.
fn teacher_row(pixel: u32) -> BinomialRow {
    let numbers = 5u * pixel;
    let peak = teacher[numbers + 2u];
    let place = 2u * u32(peak);
    let choose = vec2f(log_choose[place], log_choose[place + 1u]);
    return binomial_row(teacher[numbers], teacher[numbers + 1u], peak, choose);
}

/// Logit k of a teacher: given (`index` is its place), of a binomial below its peak (`choose` is
/// the entry of the table), or of a Gaussian one bin wide around `at`.
fn teacher_logit(index: u32, at: f32, taught: BinomialRow, k: f32, choose: vec2f) -> f32 {
    if (TEACHER == LOGITS) {
        return teacher[index];
    }
    if (TEACHER == BINOMIAL) {
        return binomial_logit(taught, k, choose);
    }
    return -0.5 * (at - k) * (at - k);
}
// </lib>

@compute @workgroup_size(WG)
fn bin_distill_grad_binomial_rows(
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
    let center_start = row / fixed_or(PIXELS_PER_CENTER, params.pixels_per_center) * bins;
    let numbers = 5u * row;
    let peak = rows[numbers + 2u];
    let place = 2u * u32(peak);
    let choose_peak = vec2f(log_choose[place], log_choose[place + 1u]);
    let binomial = binomial_row(rows[numbers], rows[numbers + 1u], peak, choose_peak);
    let f = 8u * row;
    let student_scale = factors[f + 1u];
    let teacher_state = vec2f(factors[f + 2u], factors[f + 3u]);
    let by = vec4f(factors[f + 4u], factors[f + 5u], factors[f + 6u], factors[f + 7u]);
    var at = 0.0;
    if (TEACHER == RELATIVE) {
        at = teacher[row] * f32(bins) - 0.5;
    }
    var taught: BinomialRow;
    if (TEACHER == BINOMIAL) {
        taught = teacher_row(row);
    }
    var sums = vec2f(0.0);
    for (var k = 0u; k < bins; k++) {
        let choose = vec2f(log_choose[2u * k], log_choose[2u * k + 1u]);
        let z = binomial_logit(binomial, f32(k), choose);
        let p = exp(z) * student_scale;
        var q = 0.0;
        if (TEACHER != NONE) {
            let y = teacher_logit(start + k, at, taught, f32(k), choose);
            q = exp(y - teacher_state.x) * teacher_state.y;
        }
        let pull = select(by.x * centers[center_start + k] - by.w, 0.0, STOPPED);
        let d_z = p * pull + by.z * (p - q);
        sums += d_z * vec2f(f32(k) - peak, z);
        if (BY_CENTERS) {
            d_centers[start + k] = by.x * p + by.y * q;
        }
    }
    d_pi[row] = sums.x * rows[numbers + 3u] * rows[numbers + 1u];
    d_t[row] = -sums.y * rows[numbers + 1u];
}
