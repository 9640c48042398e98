// attractor_grad_attractors_vec4 — gradient for the attractors, four bins per load, no barrier.
//
//   d_attractors[r, a] = weight sum_k d_y[r, k] f'(attractors[r, a] - centers[r, k])
//   f by KIND as in attractor.wgsl
//
// Layout   centers, d_y [V, H, W, K], K a multiple of 4; attractors, d_attractors [V, H, W, N]; rows r
//          are pixels
// Mapping  one invocation per OWN attractors of a pixel; for adapters that do not need coalesced loads
// Memory   2 loads of 16 bytes per four bins and OWN attractors + 1 store per attractor
// Source   derivative of attractor
// Twin     src/kernels/depth_bins/attractor.ts

struct Params {
    n: u32,          // elements of d_attractors
    bins: u32,       // K, a multiple of 4
    attractors: u32, // N
    alpha: f32,      // strength
    gamma: f32,      // exponent of the exponential kind
    weight: f32,     // 1 / N for the mean, 1 for the sum
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> centers: array<vec4f>;
@group(0) @binding(2) var<storage, read> attractors: array<f32>;
@group(0) @binding(3) var<storage, read> d_y: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> d_attractors: array<f32>;

override KIND: u32 = 0u;
override BINS: u32 = 0u; // 0: read at run time
override ATTRACTORS: u32 = 0u; // 0: read at run time
override OWN: u32 = 1u; // attractors of an invocation: 1, or 4 where N is a multiple of 4
override WG: u32 = 64u; // invocations per workgroup

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

// <lib attractor_slope_vec4>
/// f'(x), f the pull of an attractor that is x away from four centres.
fn pull_slope(x: vec4f) -> vec4f {
    if (KIND == 0u) {
        let square = params.alpha * x * x;
        return (1.0 - square) / ((1.0 + square) * (1.0 + square));
    }
    let a = abs(x);
    let near = vec4f(max_or_nan(a.x, 1e-30), max_or_nan(a.y, 1e-30), max_or_nan(a.z, 1e-30),
        max_or_nan(a.w, 1e-30));
    let power = params.alpha * pow(near, vec4f(params.gamma));
    return exp(-power) * (1.0 - params.gamma * power);
}
// </lib>

// <lib across>
/// The sum over the numbers of a vector.
fn across(four: vec4f) -> f32 { return (four.x + four.y) + (four.z + four.w); }
// </lib>

@compute @workgroup_size(WG)
fn attractor_grad_attractors_vec4(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let i = ((group.x + group.y * groups.x) * WG + lane) * OWN;
    if (i >= params.n) {
        return;
    }
    let quads = fixed_or(BINS, params.bins) / 4u;
    let start = i / fixed_or(ATTRACTORS, params.attractors) * quads;
    var at = vec4f(attractors[i]);
    if (OWN == 4u) {
        at = vec4f(at.x, attractors[i + 1u], attractors[i + 2u], attractors[i + 3u]);
    }
    // of four bins each, for one attractor or four of a pixel
    var sums: array<vec4f, 4>;
    for (var j = start; j < start + quads; j++) {
        let c = centers[j];
        let d = d_y[j];
        sums[0] += d * pull_slope(at.x - c);
        if (OWN == 4u) {
            sums[1] += d * pull_slope(at.y - c);
            sums[2] += d * pull_slope(at.z - c);
            sums[3] += d * pull_slope(at.w - c);
        }
    }
    for (var a = 0u; a < OWN; a++) {
        d_attractors[i + a] = params.weight * across(sums[a]);
    }
}
