// bin_distill_grad — gradients of a distilled decode for logits and centres in one sweep.
//
//   d_z[r, k] = p_k (a centers[s, k] - e) + g (p_k - q_k),  d_centers[r, k] = a p_k + b q_k
//   with STOPPED the depth's part of d_z, p_k (a c - e), is 0
//   partials[s, b, k] = sum of d_centers over the pixels of slice b of group s
//
// Layout   student, d_student [V, H, W, K]; teacher [V, H, W, 1], [V, H, W, K] or [V, H, W, 5]
//          (rows of binomial_pack); centers [V, H, W, K], [V, 1, 1, K] or [1, 1, 1, K]; factors [V,
//          H, W, 8] = (max^S, 1 / sum^S, max^T, 1 / sum^T, a, b, g, e) from bin_distill_factors;
//          partials [S, B, K]: S sets of centres, B slices of SLAB pixels each, or d_centers [V, H,
//          W, K] where no pixels share one
// Mapping  one invocation per slice and TK bins
// Memory   2 loads + 1 or 2 stores per bin, 9 loads per pixel and TK bins; bound by bandwidth
// Source   derivative of bin_distill; slices are a fixed number of pixels, so that every adapter
//          adds in the same order
// Twin     src/kernels/depth_bins/bin_distill_grad.ts

struct Params {
    n: u32,                 // invocations
    bins: u32,              // K
    tiles: u32,             // runs of bins, K / TK rounded up
    slabs: u32,             // B
    pixels_per_center: u32, // pixels of a group
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> student: array<f32>;
@group(0) @binding(2) var<storage, read> teacher: array<f32>;
@group(0) @binding(3) var<storage, read> centers: array<f32>;
@group(0) @binding(4) var<storage, read> factors: array<f32>;
@group(0) @binding(5) var<storage, read_write> d_student: array<f32>;
@group(0) @binding(6) var<storage, read_write> d_centers: array<f32>;

override BINS: u32 = 0u; // 0: read at run time
override TILES: u32 = 0u; // 0: read at run time
override TEACHER: u32 = 1u; // RELATIVE, LOGITS or BINOMIAL
override SHARED: bool = true; // pixels of a group share one set of centres
override STOPPED: bool = false; // depth gives no gradient to logits
override WG: u32 = 64u; // invocations per workgroup
const TK: u32 = 4u; // host: bins of an invocation
const SLAB: u32 = 64u; // host: pixels; part of the result's bits
const RELATIVE: u32 = 1u;
const LOGITS: u32 = 2u;
const BINOMIAL: u32 = 3u;

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

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
fn bin_distill_grad(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let i = (group.x + group.y * groups.x) * WG + lane;
    if (i >= params.n) {
        return;
    }
    let bins = fixed_or(BINS, params.bins);
    let tiles = fixed_or(TILES, params.tiles);
    // bins first, first + tiles, …: neighbours in k load neighbours
    let first = i % tiles;
    let slab = i / tiles % params.slabs;
    let shared_row = i / tiles / params.slabs;
    let start = shared_row * params.pixels_per_center + slab * SLAB;
    let end = min(start + SLAB, (shared_row + 1u) * params.pixels_per_center);
    var center: array<f32, TK>;
    for (var j = 0u; SHARED && j < TK; j++) {
        center[j] = centers[shared_row * bins + min(first + j * tiles, bins - 1u)];
    }
    var sums: array<f32, TK>;
    for (var row = start; row < end; row++) {
        let f = 8u * row;
        let student_state = vec2f(factors[f], factors[f + 1u]);
        let teacher_state = vec2f(factors[f + 2u], factors[f + 3u]);
        let by = vec4f(factors[f + 4u], factors[f + 5u], factors[f + 6u], factors[f + 7u]);
        var at = 0.0;
        if (TEACHER == RELATIVE) {
            at = teacher[row] * f32(bins) - 0.5;
        }
        var taught: BinomialPeak;
        if (TEACHER == BINOMIAL) {
            taught = teacher_peak(row, f32(bins - 1u));
        }
        for (var j = 0u; j < TK && first + j * tiles < bins; j++) {
            let k = first + j * tiles;
            let index = row * bins + k;
            let p = exp(student[index] - student_state.x) * student_state.y;
            let y = teacher_logit(index, at, taught, f32(k)) - teacher_state.x;
            let q = exp(y) * teacher_state.y;
            if (!SHARED) {
                center[j] = centers[index];
                d_centers[index] = by.x * p + by.y * q;
            }
            let pull = select(by.x * center[j] - by.w, 0.0, STOPPED);
            d_student[index] = p * pull + by.z * (p - q);
            sums[j] += by.x * p + by.y * q;
        }
    }
    for (var j = 0u; SHARED && j < TK && first + j * tiles < bins; j++) {
        d_centers[(i / tiles) * bins + first + j * tiles] = sums[j];
    }
}
