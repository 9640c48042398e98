// bin_pool — binomial bin probabilities averaged over a grid of tokens; no pixel's are stored.
//
//   tokens[v, l, k] = sum_r mask[v, r] p_k(v, r) / weight[v, l],  pixels r of cell l, p = softmax(z)
//   z_k = (L_k + k slope[r]) / t[r],  L_k = ln C(K - 1, k)
//   weight[v, l] = sum_r mask[v, r]; tokens are 0 where it is 0
//   cell (i, j) covers rows floor(i H / h) to ceil((i + 1) H / h) - 1, columns alike
//
// Layout   rows [V, H, W, 5]: (slope, 1 / t, peak, weight of d_pi, scale) of a pixel, from
//          binomial_pack; log_choose [K, 2]: ln C(n, k) in two parts; mask [V, H, W, 1]; tokens
//          [V, h w, K], bins contiguous; weight [V, h w]
// Mapping  a workgroup owns a token; WG pixels at a time, each invocation makes the sum of one
//          pixel's exponentials, then each owns a bin and adds that bin of all of them
// Memory   4 loads per pixel and WG bins; bound by 2 exponentials per pixel and bin
// Source   ZoeDepth, Bhat et al. 2023 (arXiv:2302.12288) section 3.2
// Twin     src/kernels/depth_bins/bin_pool.ts

struct Params {
    tokens: u32, // h w of all views
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
@group(0) @binding(4) var<storage, read_write> tokens: array<f32>;
@group(0) @binding(5) var<storage, read_write> weight: array<f32>;

const WG: u32 = 64u; // invocations per workgroup

var<workgroup> wg_row: array<vec4f, WG>; // 1 KiB: slope and logit at the peak, both split
var<workgroup> wg_share: array<vec3f, WG>; // 1 KiB: 1 / t, mask / sum of exponentials, mask

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

@compute @workgroup_size(WG)
fn bin_pool(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let token = group.x + group.y * groups.x;
    if (token >= params.tokens) {
        return;
    }
    let j = token % params.grid_w;
    let i = token / params.grid_w % params.grid_h;
    let view = token / params.grid_w / params.grid_h;
    let top = i * params.height / params.grid_h;
    let left = j * params.width / params.grid_w;
    let bottom = ((i + 1u) * params.height + params.grid_h - 1u) / params.grid_h;
    let right = ((j + 1u) * params.width + params.grid_w - 1u) / params.grid_w;
    let count = (bottom - top) * (right - left);
    for (var first = 0u; first < params.bins; first += WG) {
        let k = first + lane;
        var sum = 0.0;
        var total = 0.0;
        for (var start = 0u; start < count; start += WG) {
            let at = start + lane;
            if (at < count) {
                let row = (view * params.height + top + at / (right - left)) * params.width
                    + left + at % (right - left);
                let peak = rows[5u * row + 2u];
                let binomial = binomial_row(rows[5u * row], rows[5u * row + 1u], peak,
                    choose(u32(peak)));
                var exponentials = 0.0;
                for (var bin = 0u; bin < params.bins; bin++) {
                    exponentials += exp(binomial_logit(binomial, f32(bin), choose(bin)));
                }
                wg_row[lane] = vec4f(binomial.slope, binomial.highest);
                wg_share[lane] = vec3f(binomial.inverse_t, mask[row] / exponentials, mask[row]);
            }
            // all pixels are there before they are read
            workgroupBarrier();
            if (k < params.bins) {
                for (var pixel = 0u; pixel < min(WG, count - start); pixel++) {
                    let share = wg_share[pixel];
                    let binomial = BinomialRow(wg_row[pixel].xy, wg_row[pixel].zw, share.x);
                    sum += share.y * exp(binomial_logit(binomial, f32(k), choose(k)));
                    total += share.z;
                }
            }
            // and read before the next ones replace them
            workgroupBarrier();
        }
        if (k < params.bins) {
            tokens[token * params.bins + k] = select(0.0, sum / total, total > 0.0 || is_nan(total));
        }
        if (k == 0u) {
            weight[token] = total;
        }
    }
}
