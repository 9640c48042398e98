// bin_decode_vec4 — bin_decode.wgsl with ROWS pixels per invocation, four bins per load.
//
//   depth[r] = scale[v] sum_k p_k centers[s, k],  p = softmax(logits[r])
//   s = r / pixels_per_center, v = r / plane
//
// Layout   as in bin_decode.wgsl; K a multiple of four
// Mapping  one invocation per ROWS neighbouring pixels that share their centres: a load of the
//          centres serves all of them. No barrier
// Memory   1 load of 16 bytes per four bins, 1 / ROWS more for the centres + 3 stores per pixel
// Source   online softmax, Milakov and Gimelshein 2018 (arXiv:1805.02867), four bins at a time;
//          expectation: AdaBins eq. 3
// Twin     src/kernels/depth_bins/bin_decode.ts

struct Params {
    rows: u32,              // pixels of all views
    bins: u32,              // K
    plane: u32,             // pixels of a view
    pixels_per_center: u32, // pixels that share one set of centres
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<vec4f>;
@group(0) @binding(2) var<storage, read> centers: array<vec4f>;
@group(0) @binding(3) var<storage, read> scale: array<f32>;
@group(0) @binding(4) var<storage, read_write> depth: array<f32>;
@group(0) @binding(5) var<storage, read_write> statistics: array<vec2f>;

override BINS: u32 = 0u; // 0: read at run time
override PLANE: u32 = 0u; // 0: read at run time
override PIXELS_PER_CENTER: u32 = 0u; // 0: read at run time
override HAS_SCALE: bool = false;
override WG: u32 = 64u; // invocations per workgroup
const ROWS: u32 = 4u; // tune: 1 2 4

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

@compute @workgroup_size(WG)
fn bin_decode_vec4(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let index = (group.x + group.y * groups.x) * WG + local.x;
    let sharing = fixed_or(PIXELS_PER_CENTER, params.pixels_per_center);
    let blocks = (sharing + ROWS - 1u) / ROWS;
    let center_row = index / blocks;
    if (center_row * sharing >= params.rows) {
        return;
    }
    let fours = fixed_or(BINS, params.bins) / 4u;
    let first = (index - center_row * blocks) * ROWS;
    // indexed by constants only, so that they stay in registers; pixels beyond the last repeat it
    var rows = array<u32, ROWS>();
    var states = array<vec3f, ROWS>();
    for (var j = 0u; j < ROWS; j++) {
        rows[j] = center_row * sharing + min(first + j, sharing - 1u);
        states[j] = vec3f(LOWEST, 0.0, 0.0);
    }
    for (var i = 0u; i < fours; i++) {
        let c = centers[center_row * fours + i];
        for (var j = 0u; j < ROWS; j++) {
            let z = logits[rows[j] * fours + i];
            let top = max(max(states[j].x, max(z.x, z.y)), max(z.z, z.w));
            let e = exp(z - top);
            let sum = (e.x + e.y) + (e.z + e.w);
            let added = vec2f(sum, (e.x * c.x + e.y * c.y) + (e.z * c.z + e.w * c.w));
            states[j] = vec3f(top, states[j].yz * exp(states[j].x - top) + added);
        }
    }
    for (var j = 0u; j < ROWS; j++) {
        let state = settled(states[j].x, states[j].y);
        var d = states[j].z / state.y;
        if (HAS_SCALE) {
            d *= scale[rows[j] / fixed_or(PLANE, params.plane)];
        }
        depth[rows[j]] = d;
        statistics[rows[j]] = vec2f(state.x, 1.0 / state.y);
    }
}
