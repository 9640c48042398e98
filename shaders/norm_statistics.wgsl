// norm_statistics — merges the slabs: mean and biased variance of each batch and group.
//
//   n = na + nb,  delta = mean_b - mean_a,  mean = mean_a + delta nb / n,
//   m2 = m2_a + m2_b + delta^2 na nb / n
//
// Layout   slab_mean, slab_m2: [B, S, G] f32; mean, variance: [B, G]
// Mapping  one invocation per (b, g); slabs merged in order, so the bits do not depend on the
//          adapter
// Memory   2 S loads + 2 stores per statistic; tiny
// Source   Chan, Golub, LeVeque 1983, eq. 2.1
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

@compute @workgroup_size(WG)
fn norm_statistics(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (group.x + group.y * groups.x) * WG + lane;
    if (i >= params.batches * params.groups) {
        return;
    }
    let g = i % params.groups;
    let b = i / params.groups;
    let depth = params.channels / params.groups;
    let slab = (params.pixels + params.slabs - 1u) / params.slabs;
    var n = 0.0;
    var m = 0.0;
    var m2 = 0.0;
    for (var s = 0u; s < params.slabs; s++) {
        let first = s * slab;
        let last = min(first + slab, params.pixels);
        if (first >= last) {
            break;
        }
        let at = (b * params.slabs + s) * params.groups + g;
        let n_b = f32((last - first) * depth);
        let total = n + n_b;
        let delta = slab_mean[at] - m;
        m += delta * n_b / total;
        m2 += slab_m2[at] + delta * delta * n * n_b / total;
        n = total;
    }
    mean[i] = m;
    variance[i] = m2 / max(n, 1.0);
}
