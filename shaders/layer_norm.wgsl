// layer_norm — rows with mean 0 and variance 1, scaled and shifted.
//
//   y[r, c] = (x[r, c] - mean[r]) / sqrt(variance[r] + epsilon) gamma[c] + beta[c]
//   mean[r] = sum_c x[r, c] / C;  variance[r] = sum_c (x[r, c] - mean[r])^2 / C
//
// Layout   x, y [..., C] f32, channels contiguous; gamma, beta [C]; mean, variance [rows]
// Mapping  LANES neighbouring invocations share a row and step through it together, so that loads
//          coalesce
// Memory   3 loads of x (two from cache), 2 of gamma and beta + 1 store per element; bound by
//          bandwidth
// Source   Ba et al. 2016 (arXiv:1607.06450), eq. 4
// Twin     src/kernels/layer_norm.ts

struct Params {
    rows: u32,
    channels: u32, // C
    epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> gamma: array<f32>;
@group(0) @binding(3) var<storage, read> beta: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<storage, read_write> mean: array<f32>;
@group(0) @binding(6) var<storage, read_write> variance: array<f32>;

override CHANNELS: u32 = 0u; // 0: read at run time
override WG: u32 = 64u; // invocations per workgroup
const LANES: u32 = 8u; // tune: 4 8 16 32

var<workgroup> wg_sum: array<f32, WG>; // 256 B: each lane's share of its row's sum
var<workgroup> wg_squares: array<f32, WG>; // 256 B: and of its squared deviations

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

@compute @workgroup_size(WG)
fn layer_norm(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let channels = fixed_or(CHANNELS, params.channels);
    let row = (group.x + group.y * groups.x) * (WG / LANES) + lane / LANES;
    let part = lane % LANES;
    // no early return for rows past the end: the barriers below are for all
    let end = select(0u, channels, row < params.rows);
    let start = row * channels;
    let share = 1.0 / f32(channels);
    var sum = 0.0;
    for (var c = part; c < end; c += LANES) {
        sum += x[start + c];
    }
    wg_sum[lane] = sum;
    // the row's sum is taken over what all its lanes have stored
    workgroupBarrier();
    sum = 0.0;
    for (var other = 0u; other < LANES; other++) {
        sum += wg_sum[lane - part + other];
    }
    let middle = sum * share;
    var squares = 0.0;
    for (var c = part; c < end; c += LANES) {
        let deviation = x[start + c] - middle;
        squares += deviation * deviation;
    }
    wg_squares[lane] = squares;
    // and so is the sum of its squared deviations
    workgroupBarrier();
    squares = 0.0;
    for (var other = 0u; other < LANES; other++) {
        squares += wg_squares[lane - part + other];
    }
    let spread = squares * share;
    let r = inverseSqrt(spread + params.epsilon);
    for (var c = part; c < end; c += LANES) {
        y[start + c] = (x[start + c] - middle) * (r * gamma[c]) + beta[c];
    }
    if (part == 0u && row < params.rows) {
        mean[row] = middle;
        variance[row] = spread;
    }
}
