// norm_grad_group — sums of the upstream gradient over each set of shared statistics.
//
//   group_sum[b, g] = sum_(s, c in g) gamma[c] slab_sum[b, s, c],
//   group_dot[b, g] = the same of slab_dot
//
// Layout   slab_sum, slab_dot: [B, S, C] f32; gamma: [C]; group_sum, group_dot: [B, G]
// Mapping  one invocation per (b, g); added in order, so the bits do not depend on the adapter
// Memory   2 S C / G loads per group; tiny for batch and group norm
// Source   Ioffe and Szegedy 2015, section 3
// Twin     src/kernels/norm.ts

struct Params {
    batches: u32,  // B
    channels: u32, // C
    groups: u32,   // G
    slabs: u32,    // S
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> slab_sum: array<f32>;
@group(0) @binding(2) var<storage, read> slab_dot: array<f32>;
@group(0) @binding(3) var<storage, read> gamma: array<f32>;
@group(0) @binding(4) var<storage, read_write> group_sum: array<f32>;
@group(0) @binding(5) var<storage, read_write> group_dot: array<f32>;

override WG: u32 = 64u; // invocations per workgroup

@compute @workgroup_size(WG)
fn norm_grad_group(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let i = (group.x + group.y * groups.x) * WG + lane;
    if (i >= params.batches * params.groups) {
        return;
    }
    let depth = params.channels / params.groups;
    let c0 = (i % params.groups) * depth;
    let b = i / params.groups;
    var sum = 0.0;
    var product = 0.0;
    for (var s = 0u; s < params.slabs; s++) {
        let row = (b * params.slabs + s) * params.channels;
        for (var c = c0; c < c0 + depth; c++) {
            sum += gamma[c] * slab_sum[row + c];
            product += gamma[c] * slab_dot[row + c];
        }
    }
    group_sum[i] = sum;
    group_dot[i] = product;
}
