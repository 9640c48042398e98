// conv2d_grad_bias — gradient of conv2d by its bias, slab by slab of pixels.
//
//   partials[s, o] = sum over pixels p of slab s of d_y[p, o]
//
// Layout   d_y [P, O]; partials [slabs, O]; slab s holds pixels s R .. s R + R - 1; conv2d_grad_weight_reduce adds the
//          slabs up in order
// Mapping  an invocation owns one channel of one slab; neighbours own neighbouring channels
// Memory   one load per element of d_y; bound by bandwidth
// Source   elementary
// Twin     src/kernels/conv2d_grad_bias.ts

struct Params {
    pixels: u32,
    channels: u32,
    slab_pixels: u32, // R
    slabs: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> d_y: array<f32>;
@group(0) @binding(2) var<storage, read_write> partials: array<f32>;

override WG: u32 = 64u; // invocations per workgroup

@compute @workgroup_size(WG)
fn conv2d_grad_bias(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = (group.x + group.y * groups.x) * WG + lane;
    let o = index % params.channels;
    let slab = index / params.channels;
    if (slab >= params.slabs) {
        return;
    }
    let end = min((slab + 1u) * params.slab_pixels, params.pixels);
    var sum = 0.0;
    for (var pixel = slab * params.slab_pixels; pixel < end; pixel++) {
        sum += d_y[pixel * params.channels + o];
    }
    partials[index] = sum;
}
