// bin_distill_binomial_vec4 — depth, cross depth and divergence, one pixel, four bins per load.
//
//   p = softmax(z), q = softmax(z^T), z and z^T binomials;  depth[r] = scale sum_k p_k centers[s, k]
//   cross[r] = scale sum_k q_k centers[s, k];  kl[r] = sum_k q_k (ln q_k - ln p_k)
//
// Layout   as in bin_distill_binomial_rows.wgsl, K a multiple of 4; teacher [V, H, W, 5]
// Mapping  one invocation per pixel: no barrier, no workgroup memory; for adapters that do not need
//          coalesced loads
// Memory   1 load of 16 bytes per four bins, the table from cache; bound by arithmetic
// Source   as bin_distill_binomial.wgsl
// Twin     src/kernels/depth_bins/bin_distill.ts

struct Params {
    rows: u32,              // pixels of all views
    bins: u32,              // K
    pixels_per_center: u32, // pixels that share one set of centres
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> rows: array<f32>;
@group(0) @binding(2) var<storage, read> log_choose: array<vec2f>;
@group(0) @binding(3) var<storage, read> teacher: array<f32>;
@group(0) @binding(4) var<storage, read> centers: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> depth: array<f32>;
@group(0) @binding(6) var<storage, read_write> cross: array<f32>;
@group(0) @binding(7) var<storage, read_write> kl: array<f32>;
@group(0) @binding(8) var<storage, read_write> statistics: array<vec4f>;

override BINS: u32 = 0u; // 0: read at run time
override PIXELS_PER_CENTER: u32 = 0u; // 0: read at run time
override WG: u32 = 64u; // invocations per workgroup

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

// <lib binomial_logits_vec4>
/// Four logits below the peak's; bins k with the two parts of their entries of the table.
fn four_logits(row: BinomialRow, k: vec4f, high: vec4f, low: vec4f) -> vec4f {
    let large = high + k * row.slope.x - row.highest.x;
    let small = low + k * row.slope.y - row.highest.y;
    return (large + small) * row.inverse_t;
}

/// The row of a pixel, from five numbers of binomial_pack.
fn row_of(slope: f32, inverse_t: f32, peak: f32) -> BinomialRow {
    return binomial_row(slope, inverse_t, peak, log_choose[u32(peak)]);
}
// </lib>

// <lib across>
/// The sum over the numbers of a vector.
fn across(four: vec4f) -> f32 { return (four.x + four.y) + (four.z + four.w); }
// </lib>

@compute @workgroup_size(WG)
fn bin_distill_binomial_vec4(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let row = (group.x + group.y * groups.x) * WG + lane;
    if (row >= params.rows) {
        return;
    }
    let quads = fixed_or(BINS, params.bins) / 4u;
    let center_start = row / fixed_or(PIXELS_PER_CENTER, params.pixels_per_center) * quads;
    let numbers = 5u * row;
    let binomial = row_of(rows[numbers], rows[numbers + 1u], rows[numbers + 2u]);
    let taught = row_of(teacher[numbers], teacher[numbers + 1u], teacher[numbers + 2u]);
    // not yet divided by the sums of p and q; the highest logit of both is 0
    var p_sums = vec4f();
    var p_depths = vec4f();
    var q_sums = vec4f();
    var q_depths = vec4f();
    var aparts = vec4f();
    for (var j = 0u; j < quads; j++) {
        let k = f32(4u * j) + vec4f(0.0, 1.0, 2.0, 3.0);
        let entries = mat4x2f(log_choose[4u * j], log_choose[4u * j + 1u], log_choose[4u * j + 2u],
            log_choose[4u * j + 3u]);
        let parts = transpose(entries);
        let z = four_logits(binomial, k, parts[0], parts[1]);
        let y = four_logits(taught, k, parts[0], parts[1]);
        let c = centers[center_start + j];
        let p = exp(z);
        let q = exp(y);
        p_sums += p;
        p_depths += p * c;
        q_sums += q;
        q_depths += q * c;
        aparts += q * (y - z);
    }
    let unit = rows[numbers + 4u];
    let of_student = settled(0.0, across(p_sums));
    let of_teacher = settled(0.0, across(q_sums));
    depth[row] = across(p_depths) / of_student.y * unit;
    cross[row] = across(q_depths) / of_teacher.y * unit;
    kl[row] = across(aparts) / of_teacher.y + log_of(of_student.y / of_teacher.y);
    statistics[row] = vec4f(of_student.x, 1.0 / of_student.y, of_teacher.x, 1.0 / of_teacher.y);
}
