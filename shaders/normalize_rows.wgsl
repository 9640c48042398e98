// normalize_rows — rows divided by their length.
//
//   y[r, e] = x[r, e] / max(|x[r]|, floor),  |x[r]| = sqrt(sum_e x[r, e]^2)
//
// Layout   x, y [..., E] f32, features contiguous; length [..., 1]; rows r are tokens
// Mapping  LANES neighbouring invocations share a row and step through it together, so that loads
//          coalesce
// Memory   2 loads (the second from cache) + 1 store per feature; bound by bandwidth
// Source   elementary; squares of any size: Blue, A portable Fortran program to find the Euclidean
//          norm of a vector, 1978
// Twin     src/kernels/normalize_rows.ts

struct Params {
    rows: u32,     // tokens
    features: u32, // E
    floor: f32,    // least divisor
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> length: array<f32>;

override FEATURES: u32 = 0u; // 0: read at run time
override WG: u32 = 256u; // invocations per workgroup
const LANES: u32 = 8u; // tune: 4 8 16 32

var<workgroup> wg_sum: array<vec3f, WG>; // 4 KiB: each lane's share of its row's squares by size

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

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

// <lib sized_squares>
/// The square of v among (large, usual, small) ones: large ones count in units of 2^80, small ones
/// of 2^-90, so that none overflows or vanishes (Blue 1978).
fn sized_square(v: f32) -> vec3f {
    let a = abs(v);
    let large = a > 0x1p50;
    let small = a < 0x1p-50;
    let unit = select(select(1.0, 0x1p90, small), 0x1p-80, large);
    let square = (v * unit) * (v * unit);
    return select(select(vec3f(0.0, square, 0.0), vec3f(0.0, 0.0, square), small),
        vec3f(square, 0.0, 0.0), large);
}

/// The root of the sum of such squares; NaN where one is.
fn sized_length(sums: vec3f) -> f32 {
    if (sums.x > 0.0 || is_nan(sums.x)) {
        let usual = sqrt(sums.y) * 0x1p-80;
        return sqrt(sums.x + usual * usual) * 0x1p80;
    }
    let small = sqrt(sums.z) * 0x1p-90;
    if (sums.y > 0.0 || is_nan(sums.y)) {
        return sqrt(sums.y + small * small);
    }
    return small;
}
// </lib>

@compute @workgroup_size(WG)
fn normalize_rows(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let features = fixed_or(FEATURES, params.features);
    let row = (group.x + group.y * groups.x) * (WG / LANES) + lane / LANES;
    let part = lane % LANES;
    // no early return for rows past the end: the barrier below is for all
    let share_end = select(0u, features, row < params.rows);
    let start = row * features;
    var sum = vec3f(0.0);
    for (var e = part; e < share_end; e += LANES) {
        sum += sized_square(x[start + e]);
    }
    wg_sum[lane] = sum;
    // the row's sum is taken over what all its lanes have stored
    workgroupBarrier();
    sum = vec3f(0.0);
    for (var other = 0u; other < LANES; other++) {
        sum += wg_sum[lane - part + other];
    }
    let whole = sized_length(sum);
    let divisor = max_or_nan(whole, params.floor);
    for (var e = part; e < share_end; e += LANES) {
        y[start + e] = x[start + e] / divisor;
    }
    if (part == 0u && row < params.rows) {
        length[row] = whole;
    }
}
