// norm_statistics — merges slices into the mean and biased variance of each batch and group.
//
//   mean = sum_s n_s mean_s / n,  variance = sum_s (m2_s + n_s (mean_s - mean)^2) / n,
//   n_s elements in slice s, n in all
//
// Layout   slab_mean, slab_m2: [B, S, G] f32; mean, variance: [B, G]
// Mapping  one invocation per (b, g); slices added in order, so the bits do not depend on the
//          adapter; two sums rather than a chain of merges, each of which would wait for a division
// Memory   3 S loads + 2 stores per statistic; tiny
// Source   elementary: squares within slices and between them
// Twin     src/kernels/norm.ts

struct Params {
    batches: u32,  // B
    pixels: u32,   // P
    channels: u32, // C
    groups: u32,   // G
    slabs: u32,    // S
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> slab_mean: array<f32>;
@group(0) @binding(2) var<storage, read> slab_m2: array<f32>;
@group(0) @binding(3) var<storage, read_write> mean: array<f32>;
@group(0) @binding(4) var<storage, read_write> variance: array<f32>;

override WG: u32 = 64u; // invocations per workgroup

/// Pixels in slice s of `slab` pixels; the last one may have fewer.
fn pixels_of(s: u32, slab: u32) -> u32 {
    return min(slab, params.pixels - s * slab);
}

@compute @workgroup_size(WG)
fn norm_statistics(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let i = (group.x + group.y * groups.x) * WG + lane;
    if (i >= params.batches * params.groups) {
        return;
    }
    let g = i % params.groups;
    let b = i / params.groups;
    let depth = params.channels / params.groups;
    let slab = max((params.pixels + params.slabs - 1u) / params.slabs, 1u);
    let slabs = (params.pixels + slab - 1u) / slab; // those that contain a pixel
    let start = b * params.slabs * params.groups + g;
    let n = max(f32(params.pixels * depth), 1.0);
    // the shift keeps the sum small where the mean is large
    let shift = slab_mean[start];
    var sum = 0.0;
    for (var s = 0u; s < slabs; s++) {
        let n_s = f32(pixels_of(s, slab) * depth);
        sum += n_s * (slab_mean[start + s * params.groups] - shift);
    }
    let m = shift + sum / n;
    var squares = 0.0;
    for (var s = 0u; s < slabs; s++) {
        let n_s = f32(pixels_of(s, slab) * depth);
        let apart = slab_mean[start + s * params.groups] - m;
        squares += slab_m2[start + s * params.groups] + n_s * apart * apart;
    }
    mean[i] = m;
    variance[i] = squares / n;
}
