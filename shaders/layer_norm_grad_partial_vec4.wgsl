// layer_norm_grad_partial_vec4 — layer_norm_grad_partial.wgsl with loads of four numbers.
//
//   slab_dot[s, c] = sum_r d_y[r, c] xhat[r, c],  slab_sum[s, c] = sum_r d_y[r, c]
//   xhat = (x[r, c] - mean[r]) / sqrt(variance[r] + epsilon);  rows r of slice s
//
// Layout   as in layer_norm_grad_partial.wgsl; C a multiple of four
// Mapping  an invocation adds up FOURS vectors of a slice, so that it loads the statistics of a row
//          once for all of them; neighbours load neighbours
// Memory   2 loads of 16 bytes per vector, 2 more per row and invocation; bound by loads
// Source   elementary
// Twin     src/kernels/layer_norm.ts

struct Params {
    rows: u32,
    channels: u32, // C
    slab: u32,     // rows of a slice
    slabs: u32,    // S
    epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> d_y: array<vec4f>;
@group(0) @binding(3) var<storage, read> mean: array<f32>;
@group(0) @binding(4) var<storage, read> variance: array<f32>;
@group(0) @binding(5) var<storage, read_write> slab_sum: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> slab_dot: array<vec4f>;

override CHANNELS: u32 = 0u; // 0: read at run time
override WG: u32 = 64u; // invocations per workgroup
const FOURS: u32 = 2u; // tune: 1 2 4

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

@compute @workgroup_size(WG)
fn layer_norm_grad_partial_vec4(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let index = (group.x + group.y * groups.x) * WG + local.x;
    let fours = fixed_or(CHANNELS, params.channels) / 4u;
    let parts = (fours + FOURS - 1u) / FOURS;
    let s = index / parts;
    if (s >= params.slabs) {
        return;
    }
    let part = index - s * parts;
    let first = s * params.slab;
    let last = min(first + params.slab, params.rows);
    var sums = array<vec4f, FOURS>();
    var products = array<vec4f, FOURS>();
    for (var row = first; row < last; row++) {
        let middle = mean[row];
        let r = inverseSqrt(variance[row] + params.epsilon);
        for (var q = 0u; q < FOURS; q++) {
            // vectors beyond the last add the last again and are not stored
            let at = row * fours + min(part + q * parts, fours - 1u);
            let d = d_y[at];
            sums[q] += d;
            products[q] += d * ((x[at] - middle) * r);
        }
    }
    for (var q = 0u; q < FOURS; q++) {
        let i = part + q * parts;
        if (i < fours) {
            slab_sum[s * fours + i] = sums[q];
            slab_dot[s * fours + i] = products[q];
        }
    }
}
