// bin_distill_grad_binomial_vec4 — gradients of a distilled binomial, one pixel, four bins per load.
//
//   d_z[r, k] = p_k (a centers[s, k] - e) + g (p_k - q_k),  d_centers[r, k] = a p_k + b q_k
//   d_pi[r] = by_pi sum_k d_z k / t,  d_t[r] = -sum_k d_z z_k / t
//   with STOPPED the depth's part of d_z, p_k (a c - e), is 0
//
// Layout   as in bin_distill_grad_binomial_rows.wgsl, K a multiple of 4; teacher [V, H, W, 5] or
//          absent
// Mapping  one invocation per pixel: no barrier, no workgroup memory; for adapters that do not need
//          coalesced loads
// Memory   1 load of centres + 1 store of 16 bytes per four bins, the table from cache; bound by
//          arithmetic
// Source   derivative of bin_distill_binomial; sum_k d_z = 0, so that k and z count from the peak
// Twin     src/kernels/depth_bins/bin_distill_grad.ts

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
@group(0) @binding(5) var<storage, read> factors: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> d_pi: array<f32>;
@group(0) @binding(7) var<storage, read_write> d_t: array<f32>;
@group(0) @binding(8) var<storage, read_write> d_centers: array<vec4f>;

override BINS: u32 = 0u; // 0: read at run time
override PIXELS_PER_CENTER: u32 = 0u; // 0: read at run time
override TEACHER: u32 = 0u; // NONE or BINOMIAL
override BY_CENTERS: bool = true; // whether d_centers is wanted
override STOPPED: bool = false; // depth gives no gradient to pi and t
override WG: u32 = 64u; // invocations per workgroup
const NONE: u32 = 0u;

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
fn bin_distill_grad_binomial_vec4(
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
    let start = row * quads;
    let center_start = row / fixed_or(PIXELS_PER_CENTER, params.pixels_per_center) * quads;
    let numbers = 5u * row;
    let peak = rows[numbers + 2u];
    let binomial = row_of(rows[numbers], rows[numbers + 1u], peak);
    let states = factors[2u * row];
    let by = factors[2u * row + 1u];
    var taught: BinomialRow;
    if (TEACHER != NONE) {
        taught = row_of(teacher[numbers], teacher[numbers + 1u], teacher[numbers + 2u]);
    }
    var by_bin = vec4f();
    var by_logit = vec4f();
    for (var j = 0u; j < quads; j++) {
        let k = f32(4u * j) + vec4f(0.0, 1.0, 2.0, 3.0);
        let entries = mat4x2f(log_choose[4u * j], log_choose[4u * j + 1u], log_choose[4u * j + 2u],
            log_choose[4u * j + 3u]);
        let parts = transpose(entries);
        let z = four_logits(binomial, k, parts[0], parts[1]);
        let p = exp(z) * states.y;
        var q = vec4f();
        if (TEACHER != NONE) {
            q = exp(four_logits(taught, k, parts[0], parts[1]) - states.z) * states.w;
        }
        var pull = vec4f();
        if (!STOPPED) {
            pull = by.x * centers[center_start + j] - by.w;
        }
        let d_z = p * pull + by.z * (p - q);
        by_bin += d_z * (k - peak);
        by_logit += d_z * z;
        if (BY_CENTERS) {
            d_centers[start + j] = by.x * p + by.y * q;
        }
    }
    d_pi[row] = across(by_bin) * rows[numbers + 3u] * rows[numbers + 1u];
    d_t[row] = -across(by_logit) * rows[numbers + 1u];
}
