// normalize_rows_grad — gradient of rows divided by their length.
//
//   d_x[r] = (d_y[r] - y[r] <y[r], d_y[r]>) / |x[r]|
//   d_y[r] / floor where |x[r]| is not above the floor
//
// Layout   y, d_y, d_x [..., E] f32, features contiguous; length [..., 1] = |x[r]|; rows r are
//          tokens
// Mapping  LANES neighbouring invocations share a row and step through it together, so that loads
//          coalesce
// Memory   4 loads (two from cache) + 1 store per feature; bound by bandwidth
// Source   elementary
// Twin     src/kernels/normalize_rows.ts

struct Params {
    rows: u32,     // tokens
    features: u32, // E
    floor: f32,    // least divisor
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read> length: array<f32>;
@group(0) @binding(3) var<storage, read> d_y: array<f32>;
@group(0) @binding(4) var<storage, read_write> d_x: array<f32>;

override FEATURES: u32 = 0u; // 0: read at run time
override WG: u32 = 256u; // invocations per workgroup
const LANES: u32 = 8u; // tune: 4 8 16 32

var<workgroup> wg_dot: array<f32, WG>; // 1 KiB: each lane's share of <y, d_y>

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

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

@compute @workgroup_size(WG)
fn normalize_rows_grad(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let features = fixed_or(FEATURES, params.features);
    let row = (group.x + group.y * groups.x) * (WG / LANES) + lane / LANES;
    let part = lane % LANES;
    let inside = row < params.rows;
    // no early return for rows past the end: the barrier below is for all
    let share_end = select(0u, features, inside);
    let start = row * features;
    var dot = 0.0;
    for (var e = part; e < share_end; e += LANES) {
        dot += y[start + e] * d_y[start + e];
    }
    wg_dot[lane] = dot;
    // the row's sum is taken over what all its lanes have stored
    workgroupBarrier();
    dot = 0.0;
    for (var other = 0u; other < LANES; other++) {
        dot += wg_dot[lane - part + other];
    }
    if (!inside) {
        return;
    }
    // below the floor the divisor is a constant
    let whole = length[row];
    let along = select(0.0, dot, whole > params.floor);
    let divisor = max_or_nan(whole, params.floor);
    for (var e = part; e < share_end; e += LANES) {
        d_x[start + e] = (d_y[start + e] - y[start + e] * along) / divisor;
    }
}
