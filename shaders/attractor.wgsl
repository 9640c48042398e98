// attractor — bin centres moved towards attractors.
//
//   y[r, k] = centers[r, k] + weight sum_a f(attractors[r, a] - centers[r, k])
//   f(x) = x / (1 + alpha x^2) (KIND 0, inverse) or x exp(-alpha |x|^gamma) (KIND 1, exponential)
//
// Layout   centers, y [V, H, W, K]; attractors [V, H, W, N], both in the same units; rows r are pixels
// Mapping  one invocation per element of y: neighbours in k load neighbours and share the attractors
// Memory   1 load + 1 store per bin, the attractors from cache; bound by bandwidth for few attractors
// Source   ZoeDepth, Bhat et al. 2023 (arXiv:2302.12288) section 3.2
// Twin     src/kernels/attractor.ts

struct Params {
    n: u32,          // elements of y
    bins: u32,       // K
    attractors: u32, // N
    alpha: f32,      // strength
    gamma: f32,      // exponent of the exponential kind
    weight: f32,     // 1 / N for the mean, 1 for the sum
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> centers: array<f32>;
@group(0) @binding(2) var<storage, read> attractors: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

override KIND: u32 = 0u;
override BINS: u32 = 0u; // 0: read at run time
override ATTRACTORS: u32 = 0u; // 0: read at run time
override WG: u32 = 256u; // invocations per workgroup

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

// <lib attractor_pull>
/// How far an attractor moves a centre that is x away: f(x).
fn pull(x: f32) -> f32 {
    if (KIND == 0u) {
        return x / (1.0 + params.alpha * x * x);
    }
    return x * exp(-params.alpha * pow(max(abs(x), 1e-30), params.gamma));
}
// </lib>

@compute @workgroup_size(WG)
fn attractor(
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
        sum += pull(attractors[start + a] - c);
    }
    y[i] = c + params.weight * sum;
}
