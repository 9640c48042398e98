// log_binomial — logits of a binomial distribution over the bins, with a temperature.
//
//   logits[r, k] = y_k / t[r],  y_k = logC(n, k) + k ln p + (n - k) ln q,  n = K - 1
//   p = clamp(pi[r], 1e-4, 1), q = clamp(1 - pi[r], 1e-4, 1)
//   logC(n, k) = n ln n - k ln k - (n - k) ln(n - k), 0 ln 0 = 0 (Stirling without its root)
//
// Layout   pi, t [V, H, W, 1]; logits [V, H, W, K], bins contiguous; rows r are pixels
// Mapping  LANES neighbouring invocations share a pixel and step through it together, so that
//          stores coalesce
// Memory   2 loads per pixel + 1 store per bin; bound by bandwidth
// Source   ZoeDepth, Bhat et al. 2023 (arXiv:2302.12288) section 3.2
// Twin     src/kernels/depth_bins/log_binomial.ts

struct Params {
    rows: u32, // pixels
    bins: u32, // K
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> pi: array<f32>;
@group(0) @binding(2) var<storage, read> t: array<f32>;
@group(0) @binding(3) var<storage, read_write> logits: array<f32>;

override BINS: u32 = 0u; // 0: read at run time
override WG: u32 = 256u; // invocations per workgroup
const LANES: u32 = 8u; // tune: 4 8 16 32
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

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

/// ln(x / y) where apart = x - y is known better than either: by atanh's series near 1, where a
/// logarithm loses digits.
fn log_ratio(x: f32, y: f32, apart: f32) -> f32 {
    // ln(x / y) = 2 atanh(s), s = (x - y) / (x + y); |s| <= 1/3, so the first term left out is
    // below 1e-8
    let s = apart / (x + y);
    let u = s * s;
    let series = 1.0 + u * (1.0 / 3.0 + u * (0.2 + u * (1.0 / 7.0 + u * (1.0 / 9.0
        + u * (1.0 / 11.0 + u / 13.0)))));
    return select(log_of(x / y), 2.0 * s * series, abs(s) < 0.33);
}

@compute @workgroup_size(WG)
fn log_binomial(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let row = (group.x + group.y * groups.x) * (WG / LANES) + lane / LANES;
    if (row >= params.rows) {
        return;
    }
    let bins = fixed_or(BINS, params.bins);
    let n = f32(bins - 1u);
    let given = pi[row];
    let rest = 1.0 - given;
    let p = select(clamp(given, FLOOR, 1.0), given, is_nan(given));
    let q = select(clamp(rest, FLOOR, 1.0), given, is_nan(given));
    let np = max(n, 1.0) * p;
    let nq = max(n, 1.0) * q;
    let inverse_t = 1.0 / t[row];
    for (var bin = lane % LANES; bin < bins; bin += LANES) {
        let k = f32(bin);
        let m = n - k;
        // y = -(k ln(k / np) + m ln(m / nq)): near the peak both logarithms are small, where the
        // sums of the definition cancel to some 1e-5, which t = 0.0212 would turn into 5e-4 of a
        // logit. 1 - pi is rounded; m - nq is not.
        let above = k - np;
        let below = select(m - nq, n * given - k, q == rest);
        let k_term = k * log_ratio(max(k, 1e-7), np, above);
        let m_term = m * log_ratio(max(m, 1e-7), nq, below);
        logits[row * bins + bin] = -(k_term + m_term) * inverse_t;
    }
}
