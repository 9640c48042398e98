// norm_fused_grad_shared — gradients of scale and shift, and the numbers that a set shares.
//
//   d_gamma[c] = sum_(b, s) slab_sums[b, s, 1, c],  d_beta[c] = sum_(b, s) slab_sums[b, s, 0, c]
//   sets[b, g] = (mean, 1 / sqrt(variance + epsilon), sum_(s, c in g) gamma[c] slab_sums[b, s, 0, c],
//   the same of slab_sums[b, s, 1, c])
//
// Layout   slab_sums: [B, S, 2, C] f32; mean, variance: [B, G]; gamma, d_gamma, d_beta: [C]; sets:
//          [B, G, 4]
// Mapping  one invocation per channel, then one per (b, g); added in order, so the bits do not depend
//          on the adapter
// Memory   2 B S loads per channel and 2 S C / G per set; tiny
// Source   as norm_grad_channel.wgsl and norm_grad_group.wgsl
// Twin     src/kernels/norm_fused.ts

struct Params {
    batches: u32,  // B
    channels: u32, // C
    groups: u32,   // G
    slabs: u32,    // S
    epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> slab_sums: array<f32>;
@group(0) @binding(2) var<storage, read> mean: array<f32>;
@group(0) @binding(3) var<storage, read> variance: array<f32>;
@group(0) @binding(4) var<storage, read> gamma: array<f32>;
@group(0) @binding(5) var<storage, read_write> d_gamma: array<f32>;
@group(0) @binding(6) var<storage, read_write> d_beta: array<f32>;
@group(0) @binding(7) var<storage, read_write> sets: array<vec4f>;

override WG: u32 = 64u; // invocations per workgroup

@compute @workgroup_size(WG)
fn norm_fused_grad_shared(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let i = (group.x + group.y * groups.x) * WG + lane;
    let channels = params.channels;
    if (i < channels) {
        var scale = 0.0;
        var shift = 0.0;
        for (var row = 0u; row < params.batches * params.slabs; row++) {
            scale += slab_sums[(2u * row + 1u) * channels + i];
            shift += slab_sums[2u * row * channels + i];
        }
        d_gamma[i] = scale;
        d_beta[i] = shift;
        return;
    }
    let at = i - channels;
    if (at >= params.batches * params.groups) {
        return;
    }
    let depth = channels / params.groups;
    let c0 = at % params.groups * depth;
    let b = at / params.groups;
    var sum = 0.0;
    var product = 0.0;
    for (var s = 0u; s < params.slabs; s++) {
        let row = 2u * (b * params.slabs + s) * channels;
        for (var c = c0; c < c0 + depth; c++) {
            sum += gamma[c] * slab_sums[row + c];
            product += gamma[c] * slab_sums[row + channels + c];
        }
    }
    sets[at] = vec4f(mean[at], inverseSqrt(variance[at] + params.epsilon), sum, product);
}
