// bin_decode — depth from logits in one read: softmax and expectation, no probability stored.
//
//   depth[r] = scale[v] sum_k p_k centers[s, k],  p = softmax(logits[r])
//   s = r / pixels_per_center, v = r / plane
//
// Layout   logits [V, H, W, K]; centers [V, H, W, K], [V, 1, 1, K] or [1, 1, 1, K]; scale [V] or
//          absent; depth [V, H, W, 1] in the units of the centres; statistics [V, H, W, 2]:
//          (maximum, 1 / sum) for the gradient
// Mapping  LANES neighbouring invocations share a pixel and step through it together, so that loads
//          coalesce
// Memory   2 loads per bin + 3 stores per pixel; bound by bandwidth
// Source   online softmax, Milakov and Gimelshein 2018 (arXiv:1805.02867); expectation: AdaBins eq.
//          3
// Twin     src/kernels/depth_bins/bin_decode.ts

struct Params {
    rows: u32,              // pixels of all views
    bins: u32,              // K
    plane: u32,             // pixels of a view
    pixels_per_center: u32, // pixels that share one set of centres
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> centers: array<f32>;
@group(0) @binding(3) var<storage, read> scale: array<f32>;
@group(0) @binding(4) var<storage, read_write> depth: array<f32>;
@group(0) @binding(5) var<storage, read_write> statistics: array<f32>;

override BINS: u32 = 0u; // 0: read at run time
override PLANE: u32 = 0u; // 0: read at run time
override PIXELS_PER_CENTER: u32 = 0u; // 0: read at run time
override HAS_SCALE: bool = false;
override WG: u32 = 256u; // invocations per workgroup
const LANES: u32 = 8u; // tune: 4 8 16 32

// 4 KiB: (maximum, sum of weights, sum of weights times centres) of each lane's share of its pixel
var<workgroup> wg_state: array<vec3f, WG>;

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

/// Below every logit; so far above the lowest f32 that neither a difference to it nor its power of
/// two overflows, since WGSL may assume that there is no infinity.
const LOWEST: f32 = -1e38;

/// Joins the states of two shares of a pixel: both pairs of sums rescaled to the common maximum.
fn join(a: vec3f, b: vec3f) -> vec3f {
    let m = max(a.x, b.x);
    return vec3f(m, a.yz * exp(a.x - m) + b.yz * exp(b.x - m));
}

@compute @workgroup_size(WG)
fn bin_decode(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let bins = fixed_or(BINS, params.bins);
    let row = (group.x + group.y * groups.x) * (WG / LANES) + lane / LANES;
    let part = lane % LANES;
    // no early return for pixels past the end: the barrier below is for all
    let share_end = select(0u, bins, row < params.rows);
    let start = row * bins;
    let center_start = row / fixed_or(PIXELS_PER_CENTER, params.pixels_per_center) * bins;

    var state = vec3f(LOWEST, 0.0, 0.0);
    for (var k = part; k < share_end; k += LANES) {
        let z = logits[start + k];
        let c = centers[center_start + k];
        // one exponential: it weighs the new bin, or rescales the sums to the new maximum
        let e = exp(-abs(z - state.x));
        let added = state.yz + e * vec2f(1.0, c);
        state = select(vec3f(state.x, added), vec3f(z, state.yz * e + vec2f(1.0, c)), z > state.x);
    }
    wg_state[lane] = state;
    // the first lane joins the results of all lanes of its pixel
    workgroupBarrier();
    if (part == 0u && row < params.rows) {
        for (var other = 1u; other < LANES; other++) {
            state = join(state, wg_state[lane + other]);
        }
        let row_state = settled(state.x, state.y);
        var d = state.z / row_state.y;
        if (HAS_SCALE) {
            d *= scale[row / fixed_or(PLANE, params.plane)];
        }
        depth[row] = d;
        statistics[2u * row] = row_state.x;
        statistics[2u * row + 1u] = 1.0 / row_state.y;
    }
}
