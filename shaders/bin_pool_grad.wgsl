// bin_pool_grad — gradient of the pooled binomial probabilities, gathered from a pixel's cells.
//
//   g_k = sum_l d_tokens[v, l, k] / weight[v, l], cells l that r lies in, with weight > 0
//   d_z_k = mask[v, r] p_k (g_k - sum_m p_m g_m)
//   d_pi[r] = by_pi sum_k d_z_k k / t,  d_t[r] = -sum_k d_z_k z_k / t
//
// Layout   rows [V, H, W, 5]: (slope, 1 / t, peak, weight of d_pi, scale) of a pixel, from
//          binomial_pack; log_choose [K, 2]: ln C(n, k) in two parts; mask, d_pi, d_t [V, H, W, 1];
//          weight [V, h w]; d_tokens [V, h w, K], bins contiguous
// Mapping  one invocation per pixel: neighbours lie in one cell and load the same numbers
// Memory   2 loads per bin and cell from cache; bound by 2 exponentials per bin
// Source   derivative of bin_pool; sum_k d_z_k = 0, so that k and z count from the peak
// Twin     src/kernels/depth_bins/bin_pool.ts

struct Params {
    pixels: u32, // of all views
    bins: u32,   // K
    height: u32, // H
    width: u32,  // W
    grid_h: u32, // h
    grid_w: u32, // w
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> rows: array<f32>;
@group(0) @binding(2) var<storage, read> log_choose: array<f32>;
@group(0) @binding(3) var<storage, read> mask: array<f32>;
@group(0) @binding(4) var<storage, read> weight: array<f32>;
@group(0) @binding(5) var<storage, read> d_tokens: array<f32>;
@group(0) @binding(6) var<storage, read_write> d_pi: array<f32>;
@group(0) @binding(7) var<storage, read_write> d_t: array<f32>;

override WG: u32 = 64u; // invocations per workgroup

// <lib is_nan>
/// Whether x is NaN, by its bits: WGSL may assume that comparisons never see one.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
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

/// Entry k of the table.
fn choose(k: u32) -> vec2f {
    return vec2f(log_choose[2u * k], log_choose[2u * k + 1u]);
}

/// Gradient with respect to probability k of a pixel at (row, column) before its mask.
fn gathered(view: u32, row: u32, column: u32, k: u32) -> f32 {
    // cell i covers the row when floor(i H / h) <= row < ceil((i + 1) H / h)
    let last_i = ((row + 1u) * params.grid_h + params.height - 1u) / params.height;
    let last_j = ((column + 1u) * params.grid_w + params.width - 1u) / params.width;
    var sum = 0.0;
    for (var i = row * params.grid_h / params.height; i < last_i; i++) {
        for (var j = column * params.grid_w / params.width; j < last_j; j++) {
            let token = (view * params.grid_h + i) * params.grid_w + j;
            let total = weight[token];
            let d = d_tokens[token * params.bins + k] / total;
            sum += select(0.0, d, total > 0.0 || is_nan(total));
        }
    }
    return sum;
}

@compute @workgroup_size(WG)
fn bin_pool_grad(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let pixel = (group.x + group.y * groups.x) * WG + lane;
    if (pixel >= params.pixels) {
        return;
    }
    let column = pixel % params.width;
    let row = pixel / params.width % params.height;
    let view = pixel / params.width / params.height;
    let peak = rows[5u * pixel + 2u];
    let inverse_t = rows[5u * pixel + 1u];
    let binomial = binomial_row(rows[5u * pixel], inverse_t, peak, choose(u32(peak)));
    var sums = vec2f(0.0); // of exponentials, and of exponentials times gradients
    for (var k = 0u; k < params.bins; k++) {
        let e = exp(binomial_logit(binomial, f32(k), choose(k)));
        sums += e * vec2f(1.0, gathered(view, row, column, k));
    }
    let mean = sums.y / sums.x;
    var by = vec2f(0.0);
    for (var k = 0u; k < params.bins; k++) {
        let z = binomial_logit(binomial, f32(k), choose(k));
        let d_z = exp(z) / sums.x * (gathered(view, row, column, k) - mean);
        by += d_z * vec2f(f32(k) - peak, z);
    }
    by *= mask[pixel] * inverse_t;
    d_pi[pixel] = by.x * rows[5u * pixel + 3u];
    d_t[pixel] = -by.y;
}
