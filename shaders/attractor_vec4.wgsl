// attractor_vec4 — attractor.wgsl with loads and stores of four bins.
//
//   y[r, k] = centers[r, k] + weight sum_a f(attractors[r, a] - centers[r, k])
//   f by KIND as in attractor.wgsl
//
// Layout   centers, y [V, H, W, K], K a multiple of 4; attractors [V, H, W, N], both in the same
//          units; rows r are pixels
// Mapping  LANES neighbouring invocations share a pixel and step through it together, four bins each,
//          so that loads coalesce
// Memory   1 load + 1 store of 16 bytes per four bins, 1 load of each attractor per four bins from
//          cache; bound by bandwidth for few attractors
// Source   ZoeDepth, Bhat et al. 2023 (arXiv:2302.12288) section 3.2
// Twin     src/kernels/depth_bins/attractor.ts

struct Params {
    rows: u32,       // pixels
    bins: u32,       // K, a multiple of 4
    attractors: u32, // N
    alpha: f32,      // strength
    gamma: f32,      // exponent of the exponential kind
    weight: f32,     // 1 / N for the mean, 1 for the sum
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> centers: array<vec4f>;
@group(0) @binding(2) var<storage, read> attractors: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

override KIND: u32 = 0u;
override BINS: u32 = 0u; // 0: read at run time
override ATTRACTORS: u32 = 0u; // 0: read at run time
override WG: u32 = 256u; // invocations per workgroup
const LANES: u32 = 8u; // tune: 1 2 4 8 16

// <lib is_nan>
/// Whether x is NaN, by its bits: WGSL may assume that comparisons never see one.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
// </lib>

// <lib max_or_nan>
/// The larger of a and b; NaN where either is, which WGSL's `max` may lose.
fn max_or_nan(a: f32, b: f32) -> f32 {
    return select(select(max(a, b), b, is_nan(b)), a, is_nan(a));
}
// </lib>

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

// <lib attractor_pull_vec4>
/// The pull of an attractor on four centres that are x away: f(x).
fn pull(x: vec4f) -> vec4f {
    if (KIND == 0u) {
        return x / (1.0 + params.alpha * x * x);
    }
    let a = abs(x);
    let near = vec4f(max_or_nan(a.x, 1e-30), max_or_nan(a.y, 1e-30), max_or_nan(a.z, 1e-30),
        max_or_nan(a.w, 1e-30));
    return x * exp(-params.alpha * pow(near, vec4f(params.gamma)));
}
// </lib>

@compute @workgroup_size(WG)
fn attractor_vec4(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let row = (group.x + group.y * groups.x) * (WG / LANES) + lane / LANES;
    if (row >= params.rows) {
        return;
    }
    let quads = fixed_or(BINS, params.bins) / 4u;
    let count = fixed_or(ATTRACTORS, params.attractors);
    let first = row * count;
    for (var q = lane % LANES; q < quads; q += LANES) {
        let i = row * quads + q;
        let c = centers[i];
        var sum = vec4f();
        for (var a = 0u; a < count; a++) {
            sum += pull(attractors[first + a] - c);
        }
        y[i] = c + params.weight * sum;
    }
}
