// norm_partial — mean and squared deviations of each slice of pixels, for one group of channels.
//
//   slab_mean[b, s, g] = mean x[b, p, c],  slab_m2[b, s, g] = sum (x[b, p, c] - slab_mean)^2,
//   p in slice s, c in group g
//
// Layout   x: [B, P, C] f32, channels contiguous; slab_mean, slab_m2: [B, S, G]
// Mapping  one invocation per (b, s, g), groups fastest: with one channel per group neighbours load
//          neighbours
// Memory   reads x once; bound by bandwidth
// Source   shifted data algorithm, Chan, Golub, LeVeque 1983, section 1 (shift = first element)
// Twin     src/kernels/norm.ts

struct Params {
    batches: u32,  // B: batches with statistics of their own
    pixels: u32,   // P: pixels of a batch
    channels: u32, // C
    groups: u32,   // G: groups of channels with statistics of their own
    slabs: u32,    // S: slices of pixels, summed apart
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> slab_mean: array<f32>;
@group(0) @binding(3) var<storage, read_write> slab_m2: array<f32>;

override WG: u32 = 64u; // invocations per workgroup

// <lib is_nan>
/// Whether x is NaN, by its bits: WGSL may assume that comparisons never see one.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
// </lib>

// <lib max_or_nan>
/// The larger of a and b; NaN where either is, which WGSL's `max` may lose.
fn max_or_nan(a: f32, b: f32) -> f32 {
    return select(select(max(a, b), b, is_nan(b)), a, is_nan(a));
}
// </lib>

@compute @workgroup_size(WG)
fn norm_partial(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let i = (group.x + group.y * groups.x) * WG + lane;
    if (i >= params.batches * params.slabs * params.groups) {
        return;
    }
    let g = i % params.groups;
    let s = (i / params.groups) % params.slabs;
    let b = i / (params.groups * params.slabs);
    let depth = params.channels / params.groups;
    let slab = (params.pixels + params.slabs - 1u) / params.slabs;
    let first = s * slab;
    let last = min(first + slab, params.pixels);
    let start = b * params.pixels * params.channels + g * depth;
    if (first >= last || depth == 0u) {
        slab_mean[i] = 0.0;
        slab_m2[i] = 0.0;
        return;
    }
    // The shift keeps the squares small where the mean is large.
    let shift = x[start + first * params.channels];
    var sum = 0.0;
    var squares = 0.0;
    for (var p = first; p < last; p++) {
        let row = start + p * params.channels;
        for (var d = 0u; d < depth; d++) {
            let v = x[row + d] - shift;
            sum += v;
            squares += v * v;
        }
    }
    let n = f32((last - first) * depth);
    slab_mean[i] = shift + sum / n;
    slab_m2[i] = max_or_nan(squares - sum * sum / n, 0.0);
}
