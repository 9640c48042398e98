// bin_pool_subgroup — bin_pool.wgsl with one subgroup per token, which shares the bins of a pixel.
//
//   tokens[v, l, k] = sum_r mask[v, r] p_k(v, r) / weight[v, l],  pixels r of cell l, p = softmax(z)
//   z_k = (L_k + k slope[r]) / t[r],  L_k = ln C(K - 1, k)
//   weight[v, l] = sum_r mask[v, r]; tokens are 0 where it is 0
//   cell (i, j) covers rows floor(i H / h) to ceil((i + 1) H / h) - 1, columns alike
//
// Layout   rows [V, H, W, 5]: (slope, 1 / t, peak, weight of d_pi, scale) of a pixel, from
//          binomial_pack; log_choose [K, 2]: ln C(n, k) in two parts; mask [V, H, W, 1]; tokens
//          [V, h w, K], bins contiguous; weight [V, h w]
// Mapping  a workgroup of one subgroup owns a token; a lane holds OWN bins, LANES apart, and adds
//          their shares pixel by pixel; only the sum of exponentials crosses the lanes
// Memory   4 loads per pixel, the same for all lanes; bound by 1 exponential per pixel and bin while
//          LANES OWN lanes hold all bins, else by more
// Source   ZoeDepth, Bhat et al. 2023 (arXiv:2302.12288) section 3.2
// Twin     src/kernels/depth_bins/bin_pool.ts

enable subgroups;

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

override LANES: u32 = 8u; // of a subgroup: 4 to 64; the workgroup is exactly one
const OWN: u32 = 8u; // bins of a lane

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

@compute @workgroup_size(LANES)
fn bin_pool_subgroup(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(subgroup_invocation_id) lane: u32,
) {
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
    for (var first = 0u; first < params.bins; first += LANES * OWN) {
        var sums = array<f32, OWN>(); // its loops are unrolled, so that it stays in registers
        var chosen = array<vec2f, OWN>();
        for (var o = 0u; o < OWN; o++) {
            // bins beyond the last are computed again and not counted
            chosen[o] = choose(min(first + lane + o * LANES, params.bins - 1u));
        }
        var total = 0.0;
        for (var y = top; y < bottom; y++) {
            for (var x = left; x < right; x++) {
                let row = (view * params.height + y) * params.width + x;
                let peak = rows[5u * row + 2u];
                let binomial = binomial_row(rows[5u * row], rows[5u * row + 1u], peak,
                    choose(u32(peak)));
                var own = array<f32, OWN>();
                var exponentials = 0.0;
                for (var o = 0u; o < OWN; o++) {
                    let k = first + lane + o * LANES;
                    let at = f32(min(k, params.bins - 1u));
                    own[o] = exp(binomial_logit(binomial, at, chosen[o]));
                    exponentials += select(0.0, own[o], k < params.bins);
                }
                // the bins that are held at another time
                for (var k = lane; k < first; k += LANES) {
                    exponentials += exp(binomial_logit(binomial, f32(k), choose(k)));
                }
                for (var k = first + LANES * OWN + lane; k < params.bins; k += LANES) {
                    exponentials += exp(binomial_logit(binomial, f32(k), choose(k)));
                }
                let share = mask[row] / subgroupAdd(exponentials);
                total += mask[row];
                for (var o = 0u; o < OWN; o++) {
                    sums[o] += share * own[o];
                }
            }
        }
        for (var o = 0u; o < OWN; o++) {
            let k = first + lane + o * LANES;
            if (k < params.bins) {
                let weighs = total > 0.0 || is_nan(total);
                tokens[token * params.bins + k] = select(0.0, sums[o] / total, weighs);
            }
        }
        if (first + lane == 0u) {
            weight[token] = total;
        }
    }
}
