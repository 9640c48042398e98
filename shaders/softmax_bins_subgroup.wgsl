// softmax_bins_subgroup — softmax_bins.wgsl with one subgroup per pixel, whose bins stay in registers.
//
//   probabilities[r, k] = exp(z_k - m) / sum_j exp(z_j - m)
//   z_k = logits[r, k] / temperature,  m = max_j z_j
//
// Layout   as in softmax_bins.wgsl; K a multiple of four and at most 4 FOURS LANES
// Mapping  a workgroup of one subgroup owns ROWS pixels, one after the other. A lane holds up to
//          FOURS vectors of a pixel's bins, LANES apart. No barrier
// Memory   1 load + 1 store of 16 bytes per four bins, one exponential per bin
// Source   elementary
// Twin     src/kernels/depth_bins/softmax_bins.ts

enable subgroups;

struct Params {
    rows: u32,                // pixels
    bins: u32,                // K
    inverse_temperature: f32, // 1 / temperature
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> probabilities: array<vec4f>;

override LANES: u32 = 8u; // of a subgroup: 4 to 64; the workgroup is exactly one
const ROWS: u32 = 16u; // tune: 4 16
const FOURS: u32 = 8u; // tune: 2 4 8

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

/// Below every logit; so far above the lowest f32 that neither a difference to it nor its power of
/// two overflows, since WGSL may assume that there is no infinity.
const LOWEST: f32 = -1e38;

@compute @workgroup_size(LANES)
fn softmax_bins_subgroup(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let first = (group.x + group.y * groups.x) * ROWS;
    let fours = params.bins / 4u;
    for (var row = first; row < min(first + ROWS, params.rows); row++) {
        // indexed by constants only, so that it stays in registers
        var held = array<vec4f, FOURS>();
        var tops = vec4f(LOWEST);
        for (var q = 0u; q < FOURS; q++) {
            if (q * LANES < fours) {
                // lanes beyond the last bin see the last again; it does not count below
                let z = logits[row * fours + min(q * LANES + lane, fours - 1u)];
                held[q] = z * params.inverse_temperature;
                tops = max(tops, held[q]);
            }
        }
        let top = subgroupMax(max(max(tops.x, tops.y), max(tops.z, tops.w)));
        var weights = vec4f();
        for (var q = 0u; q < FOURS; q++) {
            if (q * LANES < fours) {
                held[q] = select(vec4f(), exp(held[q] - top), q * LANES + lane < fours);
                weights += held[q];
            }
        }
        let sum = subgroupAdd((weights.x + weights.y) + (weights.z + weights.w));
        let share = 1.0 / settled(top, sum).y;
        for (var q = 0u; q < FOURS; q++) {
            if (q * LANES + lane < fours) {
                probabilities[row * fours + q * LANES + lane] = held[q] * share;
            }
        }
    }
}
