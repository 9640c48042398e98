// bin_kl — divergence of the student's bin probabilities from the teacher's at each pixel.
//
//   kl[r] = tau^2 sum_k q^T_k (ln q^T_k - ln q^S_k),  q = softmax(logits[r] / tau)
//   0 where usable[r] <= 0
//
// Layout   student, teacher [V, H, W, K]; usable, kl [V, H, W, 1]; statistics [V, H, W, 4]:
//          (maximum, 1 / sum) of the student's, then of the teacher's exponentials
// Mapping  LANES neighbouring invocations share a pixel and step through it together, so that loads
//          coalesce
// Memory   4 loads per bin (two from cache) + 5 stores per pixel; bound by bandwidth
// Source   Hinton et al. 2015 (arXiv:1503.02531) eq. 2-4; ln q = z - max - ln sum, since z reaches
//          -27,000
// Twin     src/kernels/depth_bins/bin_kl.ts

struct Params {
    rows: u32,                // pixels
    bins: u32,                // K
    inverse_temperature: f32, // 1 / tau
    weight: f32,              // tau^2
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> student: array<f32>;
@group(0) @binding(2) var<storage, read> teacher: array<f32>;
@group(0) @binding(3) var<storage, read> usable: array<f32>;
@group(0) @binding(4) var<storage, read_write> kl: array<f32>;
@group(0) @binding(5) var<storage, read_write> statistics: array<f32>;

override BINS: u32 = 0u; // 0: read at run time
override WG: u32 = 256u; // invocations per workgroup
const LANES: u32 = 8u; // tune: 4 8 16 32

// 4 KiB: (maximum, sum) of student and teacher of each lane's share of a pixel, then (share of kl,
// 0, 0, 0)
var<workgroup> wg_state: array<vec4f, WG>;

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

// <lib online_softmax>
/// Below every logit; so far above the lowest f32 that neither a difference to it nor its power of
/// two overflows, since WGSL may assume that there is no infinity.
const LOWEST: f32 = -1e38;

/// Adds one logit to (maximum, sum of exp(z - maximum)) with one exponential, whichever of the two
/// is larger.
fn with_logit(state: vec2f, z: f32) -> vec2f {
    let e = exp(-abs(z - state.x));
    return select(vec2f(state.x, state.y + e), vec2f(z, state.y * e + 1.0), z > state.x);
}
// </lib>

// <lib join_softmax>
/// Joins the states of two shares of a pixel: both sums rescaled to the common maximum.
fn join_softmax(a: vec2f, b: vec2f) -> vec2f {
    let m = max(a.x, b.x);
    return vec2f(m, a.y * exp(a.x - m) + b.y * exp(b.x - m));
}
// </lib>

@compute @workgroup_size(WG)
fn bin_kl(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let bins = fixed_or(BINS, params.bins);
    let row = (group.x + group.y * groups.x) * (WG / LANES) + lane / LANES;
    let part = lane % LANES;
    // no early return for pixels past the end: the barriers below are for all
    let share_end = select(0u, bins, row < params.rows);
    let start = row * bins;

    // pass 1: this lane's share of both sums
    var s = vec2f(LOWEST, 0.0);
    var t = vec2f(LOWEST, 0.0);
    for (var k = part; k < share_end; k += LANES) {
        s = with_logit(s, student[start + k] * params.inverse_temperature);
        t = with_logit(t, teacher[start + k] * params.inverse_temperature);
    }
    wg_state[lane] = vec4f(s, t);
    // the shares of a pixel are joined from the results of all its lanes
    workgroupBarrier();
    s = wg_state[lane - part].xy;
    t = wg_state[lane - part].zw;
    for (var other = 1u; other < LANES; other++) {
        let state = wg_state[lane - part + other];
        s = join_softmax(s, state.xy);
        t = join_softmax(t, state.zw);
    }

    s = settled(s.x, s.y);
    t = settled(t.x, t.y);

    // pass 2: each bin's share of the divergence
    let log_sums = log_of(s.y / t.y);
    var sum = 0.0;
    for (var k = part; k < share_end; k += LANES) {
        let a = student[start + k] * params.inverse_temperature - s.x;
        let b = teacher[start + k] * params.inverse_temperature - t.x;
        sum += exp(b) * (b - a + log_sums);
    }
    // wg_state is read above and written below
    workgroupBarrier();
    wg_state[lane].x = sum;
    // the first lane adds up the results of all lanes of its pixel
    workgroupBarrier();
    if (part == 0u && row < params.rows) {
        for (var other = 1u; other < LANES; other++) {
            sum += wg_state[lane + other].x;
        }
        kl[row] = select(0.0, params.weight * sum / t.y, usable[row] > 0.0);
        statistics[4u * row] = s.x;
        statistics[4u * row + 1u] = 1.0 / s.y;
        statistics[4u * row + 2u] = t.x;
        statistics[4u * row + 3u] = 1.0 / t.y;
    }
}
