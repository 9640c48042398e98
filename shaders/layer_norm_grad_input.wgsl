// layer_norm_grad_input — gradient of layer_norm with respect to its input.
//
//   d_x[r, c] = i (g - (sum_c g + xhat sum_c g xhat) / C),  g = gamma[c] d_y[r, c]
//   xhat = (x[r, c] - mean[r]) i,  i = 1 / sqrt(variance[r] + epsilon)
//
// Layout   x, d_y, d_x [..., C] f32, channels contiguous; gamma [C]; mean, variance [rows]
// Mapping  LANES neighbouring invocations share a row and step through it together, so that loads
//          coalesce
// Memory   6 loads (three from cache) + 1 store per element; bound by bandwidth
// Source   elementary
// Twin     src/kernels/layer_norm.ts

struct Params {
    rows: u32,
    channels: u32, // C
    epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> d_y: array<f32>;
@group(0) @binding(3) var<storage, read> mean: array<f32>;
@group(0) @binding(4) var<storage, read> variance: array<f32>;
@group(0) @binding(5) var<storage, read> gamma: array<f32>;
@group(0) @binding(6) var<storage, read_write> d_x: array<f32>;

override CHANNELS: u32 = 0u; // 0: read at run time
override WG: u32 = 64u; // invocations per workgroup
const LANES: u32 = 8u; // tune: 4 8 16 32

var<workgroup> wg_sums: array<vec2f, WG>; // 512 B: each lane's share of its row's two sums

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

@compute @workgroup_size(WG)
fn layer_norm_grad_input(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let channels = fixed_or(CHANNELS, params.channels);
    let row = (group.x + group.y * groups.x) * (WG / LANES) + lane / LANES;
    let part = lane % LANES;
    let inside = row < params.rows;
    // no early return for rows past the end: the barrier below is for all
    let end = select(0u, channels, inside);
    let start = row * channels;
    let at = select(0u, row, inside);
    let middle = mean[at];
    let i = inverseSqrt(variance[at] + params.epsilon);
    var sums = vec2f();
    for (var c = part; c < end; c += LANES) {
        let g = gamma[c] * d_y[start + c];
        sums += vec2f(g, g * (x[start + c] - middle));
    }
    wg_sums[lane] = sums;
    // the row's sums are taken over what all its lanes have stored
    workgroupBarrier();
    sums = vec2f();
    for (var other = 0u; other < LANES; other++) {
        sums += wg_sums[lane - part + other];
    }
    sums *= vec2f(1.0, i) / f32(channels);
    for (var c = part; c < end; c += LANES) {
        let xhat = (x[start + c] - middle) * i;
        d_x[start + c] = i * (gamma[c] * d_y[start + c] - (sums.x + xhat * sums.y));
    }
}
