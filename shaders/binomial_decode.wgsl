// binomial_decode — depth from a binomial over the bins, with no bin stored.
//
//   depth[r] = scale[r] sum_k p_k centers[s, k],  p = softmax(z)
//   z_k = (L_k + k slope[r]) / t[r],  L_k = ln C(K - 1, k),  s = r / pixels_per_center
//
// Layout   rows [V, H, W, 5]: (slope, 1 / t, peak, weight of d_pi, scale) of a pixel, from
//          binomial_pack; log_choose [K, 2]: ln C(n, k) in two parts; centers [V, H, W, K], [V, 1,
//          1, K] or [1, 1, 1, K]; depth [V, H, W, 1]; statistics [V, H, W, 4]: (0, 1 / sum e^(z -
//          z_peak), 0, 0)
// Mapping  LANES neighbouring invocations share a pixel and step through it together, so that loads
//          coalesce
// Memory   1 load per bin besides the table + 9 per pixel
// Source   ZoeDepth, Bhat et al. 2023 (arXiv:2302.12288) section 3.2
// Twin     src/kernels/depth_bins/binomial_decode.ts

struct Params {
    rows: u32,              // pixels of all views
    bins: u32,              // K
    pixels_per_center: u32, // pixels that share one set of centres
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> rows: array<f32>;
@group(0) @binding(2) var<storage, read> log_choose: array<f32>;
@group(0) @binding(3) var<storage, read> centers: array<f32>;
@group(0) @binding(4) var<storage, read_write> depth: array<f32>;
@group(0) @binding(5) var<storage, read_write> statistics: array<f32>;

override BINS: u32 = 0u; // 0: read at run time
override PIXELS_PER_CENTER: u32 = 0u; // 0: read at run time
override WG: u32 = 256u; // invocations per workgroup
const LANES: u32 = 8u; // tune: 4 8 16 32

// 2 KiB: (sum of weights, sum of weights times centres) of each lane's share of its pixel
var<workgroup> wg_sums: array<vec2f, WG>;

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

@compute @workgroup_size(WG)
fn binomial_decode(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let bins = fixed_or(BINS, params.bins);
    let row = (group.x + group.y * groups.x) * (WG / LANES) + lane / LANES;
    let part = lane % LANES;
    // no early return for pixels past the end: the barriers below are for all
    let inside = row < params.rows;
    let share_end = select(0u, bins, inside);
    let center_start = row / fixed_or(PIXELS_PER_CENTER, params.pixels_per_center) * bins;
    let numbers = 5u * row;
    let peak = rows[numbers + 2u];
    let place = 2u * u32(peak);
    let choose_peak = vec2f(log_choose[place], log_choose[place + 1u]);
    let binomial = binomial_row(rows[numbers], rows[numbers + 1u], peak, choose_peak);
    var sums = vec2f(0.0);
    for (var k = part; k < share_end; k += LANES) {
        let choose = vec2f(log_choose[2u * k], log_choose[2u * k + 1u]);
        let e = exp(binomial_logit(binomial, f32(k), choose));
        sums += e * vec2f(1.0, centers[center_start + k]);
    }
    wg_sums[lane] = sums;
    // the first lane adds up the results of all lanes of its pixel
    workgroupBarrier();
    if (part == 0u && inside) {
        for (var other = 1u; other < LANES; other++) {
            sums += wg_sums[lane + other];
        }
        let sum = settled(0.0, sums.x).y;
        depth[row] = sums.y / sum * rows[numbers + 4u];
        statistics[4u * row] = 0.0;
        statistics[4u * row + 1u] = 1.0 / sum;
        statistics[4u * row + 2u] = 0.0;
        statistics[4u * row + 3u] = 0.0;
    }
}
