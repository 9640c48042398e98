// norm_grad_channel — gradients of scale and shift: adds up the slices of each channel.
//
//   d_gamma[c] = sum_(b, s) slab_dot[b, s, c],  d_beta[c] = sum_(b, s) slab_sum[b, s, c]
//
// Layout   slab_sum, slab_dot: [R, C] f32, R = B S; d_gamma, d_beta: [C]
// Mapping  one invocation per channel; rows added in order, so the bits do not depend on the
//          adapter
// Memory   2 R loads per channel; tiny for batch and group norm
// Source   elementary
// Twin     src/kernels/norm.ts

struct Params {
    rows: u32,     // R = B S
    channels: u32, // C
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> slab_sum: array<f32>;
@group(0) @binding(2) var<storage, read> slab_dot: array<f32>;
@group(0) @binding(3) var<storage, read_write> d_gamma: array<f32>;
@group(0) @binding(4) var<storage, read_write> d_beta: array<f32>;

override WG: u32 = 64u; // invocations per workgroup

@compute @workgroup_size(WG)
fn norm_grad_channel(@builtin(global_invocation_id) gid: vec3u) {
    let c = gid.x;
    if (c >= params.channels) {
        return;
    }
    var gamma = 0.0;
    var beta = 0.0;
    for (var row = 0u; row < params.rows; row++) {
        gamma += slab_dot[row * params.channels + c];
        beta += slab_sum[row * params.channels + c];
    }
    d_gamma[c] = gamma;
    d_beta[c] = beta;
}
