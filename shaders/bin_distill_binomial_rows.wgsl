// bin_distill_binomial_rows — depth, cross depth and divergence, one invocation per pixel.
//
//   depth[r] = scale sum_k p_k centers[s, k],  cross[r] = scale sum_k q_k centers[s, k]
//   kl[r] = sum_k q_k (ln q_k - ln p_k),  p = softmax(z), q = softmax(z^T)
//   z^T_k = -(K teacher[r] - 1/2 - k)^2 / 2 of a relative depth, the logits teacher[r, k],
//   or (ln C(n, k) + k slope) / t of a binomial, n = K - 1
//
// Layout   rows [V, H, W, 5]: (slope, 1 / t, peak, weight of d_pi, scale) of a pixel, from
//          binomial_pack; log_choose [K, 2]: ln C(n, k) in two parts; teacher [V, H, W, 1], [V, H,
//          W, K] or [V, H, W, 5] (rows again); centers [V, H, W, K], [V, 1, 1, K] or [1, 1, 1, K];
//          depth, cross, kl [V, H, W, 1]; statistics [V, H, W, 4]: (maximum, 1 / sum) of student
//          and teacher
// Mapping  one invocation per pixel: no barrier, no workgroup memory; for adapters that do not need
//          coalesced loads
// Memory   each bin read once or twice, none stored; bound by arithmetic
// Source   Hinton et al. 2015 (arXiv:1503.02531) eq. 2-4; AdaBins eq. 3
// Twin     src/kernels/depth_bins/bin_distill.ts

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
@group(0) @binding(5) var<storage, read_write> depth: array<f32>;
@group(0) @binding(6) var<storage, read_write> cross: array<f32>;
@group(0) @binding(7) var<storage, read_write> kl: array<f32>;
@group(0) @binding(8) var<storage, read_write> statistics: array<f32>;

override BINS: u32 = 0u; // 0: read at run time
override PIXELS_PER_CENTER: u32 = 0u; // 0: read at run time
override TEACHER: u32 = 1u; // RELATIVE, LOGITS or BINOMIAL
override WG: u32 = 64u; // invocations per workgroup
const RELATIVE: u32 = 1u;
const LOGITS: u32 = 2u;
const BINOMIAL: u32 = 3u;

/// Below every logit.
const LOWEST: f32 = -1e38;

// <lib log_of>
/// ln v by IEEE 754: NaN of NaN and of v < 0, infinite at 0 and infinity, where WGSL leaves the
/// builtin open and drivers give numbers such as 89.
fn log_of(v: f32) -> f32 {
    let bits = bitcast<u32>(v);
    let at_zero = (bits << 1u) == 0u;
    let special = select(bits | 0x7fc00000u, bits | 0xff800000u, at_zero);
    let end = bitcast<f32>(select(special, bits, bits == 0x7f800000u));
    return select(end, log(v), bits - 1u < 0x7f7fffffu);
}
// </lib>

// <lib is_finite>
/// Whether x is neither infinite nor NaN, by its exponent's bits: WGSL may assume that comparisons
/// never see either.
fn is_finite(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}
// </lib>

// <lib not_a_number>
/// NaN, for any x: made from bits at run time, since WGSL refuses it as a constant and may fold
/// the arithmetic that gives it.
fn not_a_number(x: f32) -> f32 {
    return bitcast<f32>(bitcast<u32>(x) | 0x7fc00000u);
}
// </lib>

// <lib settled_softmax>
/// (maximum, sum) of a row of logits as IEEE 754 has them: NaN both where a logit was or none is
/// above minus infinity; the sum NaN where the maximum is infinite.
fn settled(maximum: f32, sum: f32) -> vec2f {
    let finite = is_finite(maximum);
    let nothing = !is_finite(sum) || sum == 0.0;
    let nan = not_a_number(sum);
    return vec2f(select(maximum, nan, nothing && finite), select(sum, nan, nothing || !finite));
}
// </lib>

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
fn bin_distill_binomial_rows(
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
    // the highest logits, so that no power overflows; a Gaussian's is at the nearest bin
    var most = vec2f(LOWEST);
    var at = 0.0;
    if (TEACHER == RELATIVE) {
        at = teacher[row] * f32(bins) - 0.5;
        let apart = at - clamp(round(at), 0.0, f32(bins - 1u));
        most.y = -0.5 * apart * apart;
    }
    var taught: BinomialRow;
    if (TEACHER == BINOMIAL) {
        taught = teacher_row(row);
        most.y = 0.0;
    }
    if (TEACHER == LOGITS) {
        for (var k = 0u; k < bins; k++) {
            most.y = max(most.y, teacher[start + k]);
        }
    }
    most.x = 0.0;
    // sums of (p, p c, q, q c) and q (z^T - z), not yet divided by those of p and q
    var sums = vec4f(0.0);
    var apart_sum = 0.0;
    for (var k = 0u; k < bins; k++) {
        let choose = vec2f(log_choose[2u * k], log_choose[2u * k + 1u]);
        let z = binomial_logit(binomial, f32(k), choose);
        let y = teacher_logit(start + k, at, taught, f32(k), choose) - most.y;
        let c = centers[center_start + k];
        let p = exp(z);
        let q = exp(y);
        sums += vec4f(p, p * c, q, q * c);
        apart_sum += q * (y - z);
    }
    let unit = rows[numbers + 4u];
    let of_student = settled(most.x, sums.x);
    let of_teacher = settled(most.y, sums.z);
    depth[row] = sums.y / of_student.y * unit;
    cross[row] = sums.w / of_teacher.y * unit;
    kl[row] = apart_sum / of_teacher.y + log_of(of_student.y / of_teacher.y);
    statistics[4u * row] = of_student.x;
    statistics[4u * row + 1u] = 1.0 / of_student.y;
    statistics[4u * row + 2u] = of_teacher.x;
    statistics[4u * row + 3u] = 1.0 / of_teacher.y;
}
