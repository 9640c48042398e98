// layer_norm_grad_partial — gradients of layer_norm with respect to scale and shift, in slices.
//
//   slab_dot[s, c] = sum_r d_y[r, c] xhat[r, c],  slab_sum[s, c] = sum_r d_y[r, c]
//   xhat = (x[r, c] - mean[r]) / sqrt(variance[r] + epsilon);  rows r of slice s
//
// Layout   x, d_y [..., C] f32, channels contiguous; mean, variance [rows]; slab_sum, slab_dot
//          [1, S, C]
// Mapping  an invocation adds up 4 channels of a slice, a quarter of the channels apart, so that
//          neighbours load neighbours
// Memory   2.5 loads per element; bound by bandwidth
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
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> d_y: array<f32>;
@group(0) @binding(3) var<storage, read> mean: array<f32>;
@group(0) @binding(4) var<storage, read> variance: array<f32>;
@group(0) @binding(5) var<storage, read_write> slab_sum: array<f32>;
@group(0) @binding(6) var<storage, read_write> slab_dot: array<f32>;

override CHANNELS: u32 = 0u; // 0: read at run time
override WG: u32 = 64u; // invocations per workgroup

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

@compute @workgroup_size(WG)
fn layer_norm_grad_partial(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let channels = fixed_or(CHANNELS, params.channels);
    let quarter = (channels + 3u) / 4u;
    let index = (group.x + group.y * groups.x) * WG + lane;
    if (index >= params.slabs * quarter) {
        return;
    }
    let s = index / quarter;
    let cols = index % quarter + vec4u(0u, quarter, 2u * quarter, 3u * quarter);
    // channels beyond the last add the last again and are not stored
    let reach = min(cols, vec4u(channels - 1u));
    let first = s * params.slab;
    let last = min(first + params.slab, params.rows);
    var sum = vec4f();
    var products = vec4f();
    for (var row = first; row < last; row++) {
        let at = row * channels + reach;
        let d = vec4f(d_y[at.x], d_y[at.y], d_y[at.z], d_y[at.w]);
        let v = vec4f(x[at.x], x[at.y], x[at.z], x[at.w]);
        sum += d;
        products += d * ((v - mean[row]) * inverseSqrt(variance[row] + params.epsilon));
    }
    for (var j = 0u; j < 4u; j++) {
        if (cols[j] < channels) {
            slab_sum[s * channels + cols[j]] = sum[j];
            slab_dot[s * channels + cols[j]] = products[j];
        }
    }
}
