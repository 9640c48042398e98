// normalize_rows — rows divided by their length.
//
//   y[r, e] = x[r, e] / max(|x[r]|, floor),  |x[r]| = sqrt(sum_e x[r, e]^2)
//
// Layout   x, y [..., E] f32, features contiguous; length [..., 1]; rows r are tokens
// Mapping  LANES neighbouring invocations share a row and step through it together, so that loads
//          coalesce
// Memory   2 loads (the second from cache) + 1 store per feature; bound by bandwidth
// Source   elementary
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

var<workgroup> wg_sum: array<f32, WG>; // 1 KiB: each lane's share of its row's squares

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

@compute @workgroup_size(WG)
fn normalize_rows(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let features = fixed_or(FEATURES, params.features);
    let row = (group.x + group.y * groups.x) * (WG / LANES) + lane / LANES;
    let part = lane % LANES;
    // no early return for rows past the end: the barrier below is for all
    let share_end = select(0u, features, row < params.rows);
    let start = row * features;
    var sum = 0.0;
    for (var e = part; e < share_end; e += LANES) {
        sum += x[start + e] * x[start + e];
    }
    wg_sum[lane] = sum;
    // the row's sum is taken over what all its lanes have stored
    workgroupBarrier();
    sum = 0.0;
    for (var other = 0u; other < LANES; other++) {
        sum += wg_sum[lane - part + other];
    }
    let divisor = max(sqrt(sum), params.floor);
    for (var e = part; e < share_end; e += LANES) {
        y[start + e] = x[start + e] / divisor;
    }
    if (part == 0u && row < params.rows) {
        length[row] = sqrt(sum);
    }
}
