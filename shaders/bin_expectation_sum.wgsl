// bin_expectation_sum — adds the slabs of the gradient of shared centres in order.
//
//   d_centers[s, k] = sum_b partials[s, b, k]
//
// Layout   partials [S, B, K]: S rows of centres, B slabs; d_centers [S, 1, 1, K]
// Mapping  one invocation per element of d_centers: neighbours in k load neighbours
// Memory   B loads + 1 store per element
// Source   elementary
// Twin     src/kernels/bin_expectation.ts

struct Params {
    n: u32,     // elements of d_centers
    bins: u32,  // K
    slabs: u32, // B
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partials: array<f32>;
@group(0) @binding(2) var<storage, read_write> d_centers: array<f32>;

override WG: u32 = 64u; // invocations per workgroup

@compute @workgroup_size(WG)
fn bin_expectation_sum(@builtin(global_invocation_id) id: vec3u) {
    let i = id.x;
    if (i >= params.n) {
        return;
    }
    let start = i / params.bins * params.slabs * params.bins + i % params.bins;
    var sum = 0.0;
    for (var slab = 0u; slab < params.slabs; slab++) {
        sum += partials[start + slab * params.bins];
    }
    d_centers[i] = sum;
}
