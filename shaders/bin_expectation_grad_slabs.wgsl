// bin_expectation_grad_slabs — gradient of the expectation for shared centres, in slices.
//
//   partials[s, b, k] = sum_r d_depth[r] scale[v] probabilities[r, k]
//   pixels r of slice b of group s
//
// Layout   probabilities [V, H, W, K]; d_depth [V, H, W, 1]; scale [V] or absent; partials [S, B,
//          K]: S sets of centres, B slices of SLAB pixels each
// Mapping  one invocation per element of partials: neighbours in k load neighbours
// Memory   1 load per bin and pixel; bound by bandwidth
// Source   elementary; slices are a fixed number of pixels, so that every adapter adds in the same
//          order
// Twin     src/kernels/depth_bins/bin_expectation.ts

struct Params {
    n: u32,                 // elements of partials
    bins: u32,              // K
    plane: u32,             // pixels of a view
    pixels_per_center: u32, // pixels of a group
    slabs: u32,             // B
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> probabilities: array<f32>;
@group(0) @binding(2) var<storage, read> d_depth: array<f32>;
@group(0) @binding(3) var<storage, read> scale: array<f32>;
@group(0) @binding(4) var<storage, read_write> partials: array<f32>;

override BINS: u32 = 0u; // 0: read at run time
override PLANE: u32 = 0u; // 0: read at run time
override HAS_SCALE: bool = false;
override WG: u32 = 64u; // invocations per workgroup
const SLAB: u32 = 64u; // host: pixels; part of the result's bits

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

@compute @workgroup_size(WG)
fn bin_expectation_grad_slabs(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let i = (group.x + group.y * groups.x) * WG + lane;
    if (i >= params.n) {
        return;
    }
    let bins = fixed_or(BINS, params.bins);
    let k = i % bins;
    let slab = i / bins % params.slabs;
    let group_start = i / bins / params.slabs * params.pixels_per_center;
    let last = group_start + min((slab + 1u) * SLAB, params.pixels_per_center);
    let plane = fixed_or(PLANE, params.plane);
    let first = group_start + slab * SLAB;
    // a slice of the rig's centres may reach into the next views; a counter is cheaper than a
    // division per pixel
    var view = first / plane;
    var view_end = (view + 1u) * plane;
    var sum = 0.0;
    for (var row = first; row < last; row++) {
        if (row == view_end) {
            view++;
            view_end += plane;
        }
        var d = d_depth[row];
        if (HAS_SCALE) {
            d *= scale[view];
        }
        sum += d * probabilities[row * bins + k];
    }
    partials[i] = sum;
}
