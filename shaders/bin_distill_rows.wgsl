// bin_distill_rows — depth, cross depth and divergence from logits, one invocation per pixel.
//
//   depth[r] = scale sum_k p_k centers[s, k],  cross[r] = scale sum_k q_k centers[s, k]
//   kl[r] = sum_k q_k (ln q_k - ln p_k),  p = softmax(z), q = softmax(z^T)
//   z^T_k = -(K teacher[r] - 1/2 - k)^2 / 2 of a relative depth, the logits teacher[r, k],
//   or (ln C(n, k) + k slope) / t of a binomial, n = K - 1
//
// Layout   student [V, H, W, K]; scale [V] or absent; teacher [V, H, W, 1], [V, H, W, K] or [V, H,
//          W, 5] (rows of binomial_pack); centers [V, H, W, K], [V, 1, 1, K] or [1, 1, 1, K];
//          depth, cross, kl [V, H, W, 1]; statistics [V, H, W, 4]: (maximum, 1 / sum) of student
//          and teacher
// Mapping  one invocation per pixel: no barrier, no workgroup memory; for adapters that do not need
//          coalesced loads
// Memory   each bin read once or twice, none stored; bound by bandwidth
// Source   Hinton et al. 2015 (arXiv:1503.02531) eq. 2-4; AdaBins eq. 3
// Twin     src/kernels/depth_bins/bin_distill.ts

struct Params {
    rows: u32,              // pixels of all views
    bins: u32,              // K
    pixels_per_center: u32, // pixels that share one set of centres
    plane: u32,             // pixels of a view
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> student: array<f32>;
@group(0) @binding(2) var<storage, read> teacher: array<f32>;
@group(0) @binding(3) var<storage, read> centers: array<f32>;
@group(0) @binding(4) var<storage, read> scale: array<f32>;
@group(0) @binding(5) var<storage, read_write> depth: array<f32>;
@group(0) @binding(6) var<storage, read_write> cross: array<f32>;
@group(0) @binding(7) var<storage, read_write> kl: array<f32>;
@group(0) @binding(8) var<storage, read_write> statistics: array<f32>;

override BINS: u32 = 0u; // 0: read at run time
override PIXELS_PER_CENTER: u32 = 0u; // 0: read at run time
override PLANE: u32 = 0u; // 0: read at run time
override TEACHER: u32 = 1u; // RELATIVE, LOGITS or BINOMIAL
override HAS_SCALE: bool = false;
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

// <lib log_quotient>
/// ln(x / y): by atanh's series near 1, where a logarithm loses digits.
fn log_quotient(x: f32, y: f32) -> f32 {
    // ln(x / y) = 2 atanh(s), s = (x - y) / (x + y); |s| <= 1/3, so the first term left out is
    // below 1e-8
    let s = (x - y) / (x + y);
    let u = s * s;
    let series = 1.0 + u * (1.0 / 3.0 + u * (0.2 + u * (1.0 / 7.0 + u * (1.0 / 9.0
        + u * (1.0 / 11.0 + u / 13.0)))));
    return select(log_of(x / y), 2.0 * s * series, abs(s) < 0.33);
}
// </lib>

// <lib binomial_peak>
/// The numbers of a pixel that determine its logits where no table of ln C(n, k) is at hand.
struct BinomialPeak {
    at: vec2f,      // a place next to the peak, between bins 0 and n: its distances from both
    lift: f32,      // slope less ln(at.x / at.y), small
    entropy: f32,   // of the bin at the peak
    peak: f32,
    inverse_t: f32,
}

/// k ln(k / at.x) + (n - k) ln((n - k) / at.y), n = at.x + at.y: 0 at `at`, small near it.
fn binomial_entropy(k: f32, at: vec2f) -> f32 {
    // x ln x is 0 at 0
    let m = max(at.x + at.y - k, 0.0);
    return k * log_quotient(max(k, 1e-7), at.x) + m * log_quotient(max(m, 1e-7), at.y);
}

/// The row of (slope, 1 / t) whose peak is at a bin, 0 to n.
fn binomial_peak(slope: f32, inverse_t: f32, peak: f32, n: f32) -> BinomialPeak {
    let a = clamp(peak, 0.5, max(n - 0.5, 0.5));
    let at = vec2f(a, max(n - a, 0.5));
    let lift = slope - log_quotient(at.x, at.y);
    // an infinite slope has no difference to the peak's logit
    let entropy = select(not_a_number(slope), binomial_entropy(peak, at), is_finite(slope));
    return BinomialPeak(at, lift, entropy, peak, inverse_t);
}

/// A logit below the peak's: (ln C(n, k) + k slope - (ln C(n, peak) + peak slope)) / t. The large
/// parts cancel in the logarithms of quotients: t = 0.0212 multiplies what is lost.
fn peaked_logit(row: BinomialPeak, k: f32) -> f32 {
    let rise = row.entropy - binomial_entropy(k, row.at);
    return (rise + (k - row.peak) * row.lift) * row.inverse_t;
}
// </lib>

// <lib teacher_logit>
/// The row of a teacher's binomial, from binomial_pack; n is the last bin.
fn teacher_peak(pixel: u32, n: f32) -> BinomialPeak {
    let numbers = 5u * pixel;
    return binomial_peak(teacher[numbers], teacher[numbers + 1u], teacher[numbers + 2u], n);
}

/// Logit k of a teacher: given (`index` is its place), of a binomial below its peak, or of a
/// Gaussian one bin wide around `at`.
fn teacher_logit(index: u32, at: f32, taught: BinomialPeak, k: f32) -> f32 {
    if (TEACHER == LOGITS) {
        return teacher[index];
    }
    if (TEACHER == BINOMIAL) {
        return peaked_logit(taught, k);
    }
    return -0.5 * (at - k) * (at - k);
}
// </lib>

@compute @workgroup_size(WG)
fn bin_distill_rows(
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
    // the highest logits, so that no power overflows; a Gaussian's is at the nearest bin
    var most = vec2f(LOWEST);
    var at = 0.0;
    if (TEACHER == RELATIVE) {
        at = teacher[row] * f32(bins) - 0.5;
        let apart = at - clamp(round(at), 0.0, f32(bins - 1u));
        most.y = -0.5 * apart * apart;
    }
    var taught: BinomialPeak;
    if (TEACHER == BINOMIAL) {
        taught = teacher_peak(row, f32(bins - 1u));
        most.y = 0.0;
    }
    for (var k = 0u; k < bins; k++) {
        most.x = max(most.x, student[start + k]);
        if (TEACHER == LOGITS) {
            most.y = max(most.y, teacher[start + k]);
        }
    }
    // sums of (p, p c, q, q c) and q (z^T - z), not yet divided by those of p and q
    var sums = vec4f(0.0);
    var apart_sum = 0.0;
    for (var k = 0u; k < bins; k++) {
        let z = student[start + k] - most.x;
        let y = teacher_logit(start + k, at, taught, f32(k)) - most.y;
        let c = centers[center_start + k];
        let p = exp(z);
        let q = exp(y);
        sums += vec4f(p, p * c, q, q * c);
        apart_sum += q * (y - z);
    }
    var unit = 1.0;
    if (HAS_SCALE) {
        unit = scale[row / fixed_or(PLANE, params.plane)];
    }
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
