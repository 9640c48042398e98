// attractor_grad_centers — gradient of the moved centres by the centres.
//
//   d_centers[r, k] = d_y[r, k] (1 - weight sum_a f'(attractors[r, a] - centers[r, k])),  f by KIND as in attractor.wgsl
//
// Layout   centers, d_y, d_centers [V, H, W, K]; attractors [V, H, W, N]; rows r are pixels
// Mapping  one invocation per element: neighbours in k load neighbours and share the attractors
// Memory   2 loads + 1 store per bin, the attractors from cache
// Source   derivative of attractor
// Twin     src/kernels/attractor.ts

struct Params {
    n: u32,          // elements of d_y
    bins: u32,       // K
    attractors: u32, // N
    alpha: f32,      // strength
    gamma: f32,      // exponent of the exponential kind
    weight: f32,     // 1 / N for the mean, 1 for the sum
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> centers: array<f32>;
@group(0) @binding(2) var<storage, read> attractors: array<f32>;
@group(0) @binding(3) var<storage, read> d_y: array<f32>;
@group(0) @binding(4) var<storage, read_write> d_centers: array<f32>;

override KIND: u32 = 0u;
override BINS: u32 = 0u; // 0: read at run time
override ATTRACTORS: u32 = 0u; // 0: read at run time
override WG: u32 = 256u; // invocations per workgroup

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

// <lib attractor_slope>
/// f'(x), f the pull of an attractor that is x away from a centre.
fn pull_slope(x: f32) -> f32 {
    if (KIND == 0u) {
        let square = params.alpha * x * x;
        return (1.0 - square) / ((1.0 + square) * (1.0 + square));
    }
    let power = params.alpha * pow(max(abs(x), 1e-30), params.gamma);
    return exp(-power) * (1.0 - params.gamma * power);
}
// </lib>

@compute @workgroup_size(WG)
fn attractor_grad_centers(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (group.x + group.y * groups.x) * WG + lane;
    if (i >= params.n) {
        return;
    }
    let count = fixed_or(ATTRACTORS, params.attractors);
    let start = i / fixed_or(BINS, params.bins) * count;
    let c = centers[i];
    var sum = 0.0;
    for (var a = 0u; a < count; a++) {
        sum += pull_slope(attractors[start + a] - c);
    }
    d_centers[i] = d_y[i] * (1.0 - params.weight * sum);
}
