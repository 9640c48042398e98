// bin_distill_grad_binomial_slabs — gradient of a distilled binomial for shared centres, in slices.
//
//   partials[s, b, k] = sum over pixels r of slice b of group s of a p_k + b q_k
//
// Layout   rows [V, H, W, 5]: (slope, 1 / t, peak, weight of d_pi, scale) of a pixel, from
//          binomial_pack; log_choose [K, 2]: ln C(n, k) in two parts; teacher [V, H, W, 1], [V, H,
//          W, K] or [V, H, W, 5] (rows again), or absent; factors [V, H, W, 8] = (max^S, 1 / sum^S,
//          max^T, 1 / sum^T, a, b, g, e) from bin_distill_factors; partials [S, B, K]: S sets of
//          centres, B slices of SLAB pixels each; column_sum adds them in order
// Mapping  one invocation per slice and TK bins
// Memory   12 loads per pixel and TK bins; bound by arithmetic
// Source   elementary; slices are a fixed number of pixels, so that every adapter adds in the same
//          order
// Twin     src/kernels/depth_bins/bin_distill_grad.ts

struct Params {
    n: u32,                 // invocations
    bins: u32,              // K
    tiles: u32,             // runs of bins, K / TK rounded up
    slabs: u32,             // B
    pixels_per_center: u32, // pixels that share one set of centres
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> rows: array<f32>;
@group(0) @binding(2) var<storage, read> log_choose: array<f32>;
@group(0) @binding(3) var<storage, read> teacher: array<f32>;
@group(0) @binding(4) var<storage, read> factors: array<f32>;
@group(0) @binding(5) var<storage, read_write> partials: array<f32>;

override BINS: u32 = 0u; // 0: read at run time
override TILES: u32 = 0u; // 0: read at run time
override TEACHER: u32 = 0u; // NONE, RELATIVE, LOGITS or BINOMIAL
override WG: u32 = 64u; // invocations per workgroup
const TK: u32 = 4u; // host: bins of an invocation
const SLAB: u32 = 64u; // host: pixels; part of the result's bits
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
fn bin_distill_grad_binomial_slabs(
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
    var choose: array<vec2f, TK>;
    for (var j = 0u; j < TK; j++) {
        // past the last bin: computed, never stored
        let k = min(first + j * tiles, bins - 1u);
        choose[j] = vec2f(log_choose[2u * k], log_choose[2u * k + 1u]);
    }
    var sums: array<f32, TK>;
    for (var row = start; row < end; row++) {
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
        for (var j = 0u; j < TK; j++) {
            let k = min(first + j * tiles, bins - 1u);
            let p = exp(binomial_logit(binomial, f32(k), choose[j])) * student_scale;
            var q = 0.0;
            if (TEACHER != NONE) {
                let y = teacher_logit(row * bins + k, at, taught, f32(k), choose[j]);
                q = exp(y - teacher_state.x) * teacher_state.y;
            }
            sums[j] += by.x * p + by.y * q;
        }
    }
    for (var j = 0u; j < TK; j++) {
        let k = first + j * tiles;
        if (k < bins) {
            partials[(i / tiles) * bins + k] = sums[j];
        }
    }
}
