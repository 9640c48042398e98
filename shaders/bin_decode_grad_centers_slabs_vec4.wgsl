// bin_decode_grad_centers_slabs_vec4 — gradient for shared centres, in slices, four bins per load.
//
//   partials[s, b, k] = sum_r d_depth[r] scale[v] p_k,  pixels r of slice b of group s
//   p_k = exp(logits[r, k] - m_r) / sum_r
//
// Layout   as in bin_decode_grad_centers_slabs.wgsl; K a multiple of four
// Mapping  one invocation per FOURS vectors of a row of partials, so that it loads the numbers of a
//          pixel once for all of them; neighbours load neighbours
// Memory   1 load of 16 bytes per four bins and pixel; 2 loads per pixel and invocation
// Source   elementary; slices as in bin_decode_grad_centers_slabs.wgsl
// Twin     src/kernels/depth_bins/bin_decode.ts

struct Params {
    n: u32,                 // elements of partials
    bins: u32,              // K
    plane: u32,             // pixels of a view
    pixels_per_center: u32, // pixels of a group
    slabs: u32,             // B
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<vec4f>;
@group(0) @binding(2) var<storage, read> scale: array<f32>;
@group(0) @binding(3) var<storage, read> statistics: array<vec2f>;
@group(0) @binding(4) var<storage, read> d_depth: array<f32>;
@group(0) @binding(5) var<storage, read_write> partials: array<vec4f>;

override BINS: u32 = 0u; // 0: read at run time
override PLANE: u32 = 0u; // 0: read at run time
override HAS_SCALE: bool = false;
override WG: u32 = 64u; // invocations per workgroup
const FOURS: u32 = 4u; // tune: 1 2 4
const SLAB: u32 = 64u; // host: pixels; part of the result's bits

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

@compute @workgroup_size(WG)
fn bin_decode_grad_centers_slabs_vec4(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let index = (group.x + group.y * groups.x) * WG + local.x;
    let fours = fixed_or(BINS, params.bins) / 4u;
    let parts = (fours + FOURS - 1u) / FOURS;
    let block = index / parts;
    if (block * fours * 4u >= params.n) {
        return;
    }
    let part = index - block * parts;
    let slab = block % params.slabs;
    let group_start = block / params.slabs * params.pixels_per_center;
    let last = group_start + min((slab + 1u) * SLAB, params.pixels_per_center);
    let plane = fixed_or(PLANE, params.plane);
    let first = group_start + slab * SLAB;
    // a slice of the rig's centres may reach into the next views; a counter is cheaper than a
    // division per pixel
    var view = first / plane;
    var view_end = (view + 1u) * plane;
    var sums = array<vec4f, FOURS>();
    for (var row = first; row < last; row++) {
        if (row == view_end) {
            view++;
            view_end += plane;
        }
        let saved = statistics[row];
        var weight = d_depth[row] * saved.y;
        if (HAS_SCALE) {
            weight *= scale[view];
        }
        for (var q = 0u; q < FOURS; q++) {
            // vectors beyond the last repeat it and are not stored
            let column = min(part + q * parts, fours - 1u);
            sums[q] += weight * exp(logits[row * fours + column] - saved.x);
        }
    }
    for (var q = 0u; q < FOURS; q++) {
        let column = part + q * parts;
        if (column < fours) {
            partials[block * fours + column] = sums[q];
        }
    }
}
