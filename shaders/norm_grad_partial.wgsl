// norm_grad_partial — sums over slices of pixels for the gradients of a normalisation.
//
//   slab_sum[b, s, c] = sum_p d_y[b, p, c],
//   slab_dot[b, s, c] = sum_p d_y[b, p, c] xhat[b, p, c],  p in slice s
//   xhat = (x - mean) / sqrt(variance + epsilon)
//
// Layout   x, d_y: [B, P, C] f32, channels contiguous; mean, variance: [B, G]; slab_sum, slab_dot:
//          [B, S, C]
// Mapping  one invocation per (b, s, c), channels fastest: every load is coalesced
// Memory   reads x and d_y once; bound by bandwidth
// Source   Ioffe and Szegedy 2015, section 3
// Twin     src/kernels/norm.ts

struct Params {
    batches: u32,  // B
    pixels: u32,   // P
    channels: u32, // C
    groups: u32,   // G
    slabs: u32,    // S
    epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> d_y: array<f32>;
@group(0) @binding(3) var<storage, read> mean: array<f32>;
@group(0) @binding(4) var<storage, read> variance: array<f32>;
@group(0) @binding(5) var<storage, read_write> slab_sum: array<f32>;
@group(0) @binding(6) var<storage, read_write> slab_dot: array<f32>;

override WG: u32 = 64u; // invocations per workgroup

@compute @workgroup_size(WG)
fn norm_grad_partial(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let i = (group.x + group.y * groups.x) * WG + lane;
    if (i >= params.batches * params.slabs * params.channels) {
        return;
    }
    let c = i % params.channels;
    let s = (i / params.channels) % params.slabs;
    let b = i / (params.channels * params.slabs);
    let g = c / (params.channels / params.groups);
    let slab = (params.pixels + params.slabs - 1u) / params.slabs;
    let first = s * slab;
    let last = min(first + slab, params.pixels);
    let m = mean[b * params.groups + g];
    let r = inverseSqrt(variance[b * params.groups + g] + params.epsilon);
    var sum = 0.0;
    var product = 0.0;
    for (var p = first; p < last; p++) {
        let at = (b * params.pixels + p) * params.channels + c;
        let d = d_y[at];
        sum += d;
        product += d * (x[at] - m);
    }
    slab_sum[i] = sum;
    slab_dot[i] = product * r;
}
