// conv2d_grad_weight_reduce — adds up the slabs of a gradient, in order.
//
//   d_weight[i] = sum_s partials[s, i]
//
// Layout   partials [slabs, n..]; d_weight [n..]
// Mapping  one invocation per element of d_weight; neighbours load neighbours
// Memory   `slabs` loads and one store per element; bound by bandwidth
// Source   elementary
// Twin     src/kernels/conv2d_grad_weight.ts

struct Params {
    n: u32, // elements of a slab
    slabs: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partials: array<f32>;
@group(0) @binding(2) var<storage, read_write> d_weight: array<f32>;

override WG: u32 = 64u; // invocations per workgroup

@compute @workgroup_size(WG)
fn conv2d_grad_weight_reduce(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (group.x + group.y * groups.x) * WG + lane;
    if (i >= params.n) {
        return;
    }
    var sum = 0.0;
    for (var slab = 0u; slab < params.slabs; slab++) {
        sum += partials[slab * params.n + i];
    }
    d_weight[i] = sum;
}
