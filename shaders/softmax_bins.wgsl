// softmax_bins — probability of each depth bin at each pixel.
//
//   probabilities[r, k] = exp(z_k - m) / sum_j exp(z_j - m)
//   z_k = logits[r, k] / temperature,  m = max_j z_j
//
// Layout   logits, probabilities: [..., K] f32, bins contiguous; rows r are pixels
// Mapping  LANES neighbouring invocations share a pixel and step through it together, so that loads
//          coalesce
// Memory   2 loads (the second from cache) + 1 store per bin; bound by bandwidth
// Source   online softmax, Milakov and Gimelshein 2018 (arXiv:1805.02867)
// Twin     src/kernels/depth_bins/softmax_bins.ts

struct Params {
    rows: u32,                // pixels
    bins: u32,                // K
    inverse_temperature: f32, // 1 / temperature
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read_write> probabilities: array<f32>;

override BINS: u32 = 0u; // 0: read at run time
override WG: u32 = 256u; // invocations per workgroup
const LANES: u32 = 8u; // tune: 4 8 16 32
const CHUNK: u32 = 1024u; // bins of a lane that are summed together

var<workgroup> wg_state: array<vec2f, WG>; // 2 KiB: (maximum, sum) of each lane's share of a pixel

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
fn softmax_bins(
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

    // pass 1: this lane's share of the pixel
    var state = vec2f(LOWEST, 0.0);
    for (var first = part; first < share_end; first += CHUNK * LANES) {
        var chunk = vec2f(LOWEST, 0.0); // summed apart: one long sum would lose the last digits
        for (var k = first; k < min(first + CHUNK * LANES, share_end); k += LANES) {
            chunk = with_logit(chunk, logits[start + k] * params.inverse_temperature);
        }
        state = join_softmax(state, chunk);
    }
    wg_state[lane] = state;
    // the shares of a pixel are joined from the results of all its lanes
    workgroupBarrier();
    state = wg_state[lane - part];
    for (var other = 1u; other < LANES; other++) {
        state = join_softmax(state, wg_state[lane - part + other]);
    }

    // pass 2: normalise
    state = settled(state.x, state.y);
    let scale = 1.0 / state.y;
    for (var k = part; k < share_end; k += LANES) {
        let z = logits[start + k] * params.inverse_temperature;
        probabilities[start + k] = exp(z - state.x) * scale;
    }
}
