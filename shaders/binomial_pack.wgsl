// binomial_pack — the five numbers per pixel that determine the logits of a binomial.
//
//   slope = ln p - ln q,  p = clamp(pi, 1e-4, 1), q = clamp(1 - pi, 1e-4, 1)
//   peak = the bin of the highest logit, ln C(n, k) + k slope,  n = K - 1
//   by_pi = 1 / pi + 1 / (1 - pi), a term 0 where its probability is clamped
//
// Layout   pi, t [V, H, W, 1]; log_choose [K, 2]: ln C(n, k) in two parts; scale [V] or absent;
//          rows [V, H, W, 5]: (slope, 1 / t, peak, by_pi, scale or 1)
// Mapping  one invocation per pixel
// Memory   6 loads + 5 stores per pixel
// Source   ZoeDepth, Bhat et al. 2023 (arXiv:2302.12288) section 3.2
// Twin     src/kernels/depth_bins/binomial_pack.ts

struct Params {
    rows: u32,  // pixels of all views
    bins: u32,  // K
    plane: u32, // pixels of a view
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> pi: array<f32>;
@group(0) @binding(2) var<storage, read> t: array<f32>;
@group(0) @binding(3) var<storage, read> log_choose: array<f32>;
@group(0) @binding(4) var<storage, read> scale: array<f32>;
@group(0) @binding(5) var<storage, read_write> rows: array<f32>;

override HAS_SCALE: bool = false;
override WG: u32 = 64u; // invocations per workgroup
const ROW_NUMBERS: u32 = 5u; // host: per pixel
const FLOOR: f32 = 1e-4; // host: of p and q, by the definition

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

// <lib is_nan>
/// Whether x is NaN, by its bits: WGSL may assume that comparisons never see one.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
// </lib>

// <lib log_quotient>
/// ln(x / y): by atanh's series near 1, where a logarithm loses digits.
fn log_quotient(x: f32, y: f32) -> f32 {
    // ln(x / y) = 2 atanh(s), s = (x - y) / (x + y); |s| <= 1/3, so the first term left out is
    // below 1e-8
    let s = (x - y) / (x + y);
    let u = s * s;
    let series = 1.0 + u * (1.0 / 3.0 + u * (0.2 + u * (1.0 / 7.0 + u * (1.0 / 9.0
        + u * (1.0 / 11.0 + u / 13.0)))));
    return select(log_of(x / y), 2.0 * s * series, abs(s) < 0.33);
}
// </lib>

@compute @workgroup_size(WG)
fn binomial_pack(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let row = (group.x + group.y * groups.x) * WG + lane;
    if (row >= params.rows) {
        return;
    }
    let n = f32(params.bins - 1u);
    let given = pi[row];
    let lost = is_nan(given);
    let p = select(clamp(given, FLOOR, 1.0), given, lost);
    let q = clamp(1.0 - given, FLOOR, 1.0);
    let slope = log_quotient(p, q);
    // the logits are concave in k, so that the highest is next to where their slope is 0
    let below = clamp(floor(n * p / (p + q)), 0.0, n);
    let above = min(below + 1.0, n);
    let a = 2u * u32(above);
    let b = 2u * u32(below);
    let rise = (log_choose[a] - log_choose[b]) + (log_choose[a + 1u] - log_choose[b + 1u])
        + (above - below) * slope;
    let by_p = select(0.0, 1.0 / given, given >= FLOOR || lost);
    let by_q = select(0.0, 1.0 / (1.0 - given), 1.0 - given >= FLOOR);
    var unit = 1.0;
    if (HAS_SCALE) {
        unit = scale[row / params.plane];
    }
    let to = ROW_NUMBERS * row;
    rows[to] = slope;
    rows[to + 1u] = 1.0 / t[row];
    rows[to + 2u] = select(select(below, above, rise > 0.0), given, lost);
    rows[to + 3u] = by_p + by_q;
    rows[to + 4u] = unit;
}
