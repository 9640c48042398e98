// resize_bilinear — images resampled linearly between their pixels.
//
//   y[v, row, col, c] = sum_{r, s} w(row, r) w(col, s) x[v, r, s, c]
//   w(o, i) = max(0, 1 - |p(o) - i|),  p(o) = (o mul + add) / den, kept inside [0, length - 1]
//
// Layout   x [V, IN_H, IN_W, C], y [V, OUT_H, OUT_W, C] f32
// Mapping  one invocation per STEP channels of one pixel of y, ceil(C / STEP) apart: neighbours
//          load neighbours; workgroups along columns, rows, views
// Memory   4 loads (most from the cache) + 1 store per element of y; bound by bandwidth
// Source   elementary
// Twin     src/kernels/resize.ts

struct Params {
    views: u32,    // V
    in_h: u32,     // axes of x
    in_w: u32,
    out_h: u32,    // axes of y
    out_w: u32,
    channels: u32, // C
    row_mul: i32,  // source row = (row row_mul + row_add) / row_den, exactly
    row_add: i32,
    row_den: u32,
    col_mul: i32,  // likewise along columns
    col_add: i32,
    col_den: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

override OUT_W: u32 = 0u;     // 0: read at run time
override CHANNELS: u32 = 0u;
override ROW_DEN: u32 = 0u;
override COL_DEN: u32 = 0u;
override WG: u32 = 64u;      // invocations per workgroup
const STEP: u32 = 8u; // tune: 1 2 4 8

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

/// The two pixels around a position along one axis, and the weight of the second.
struct Between {
    low: u32,
    high: u32,
    weight: f32,
}

/// Where index o of the axis of y lies in the axis of x.
fn between(o: u32, mul: i32, add: i32, den: u32, length: u32) -> Between {
    // in units of 1 / den
    let position = u32(clamp(i32(o) * mul + add, 0, i32((length - 1u) * den)));
    let low = position / den;
    return Between(low, min(low + 1u, length - 1u), f32(position - low * den) / f32(den));
}

@compute @workgroup_size(WG)
fn resize_bilinear(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let channels = fixed_or(CHANNELS, params.channels);
    let width = fixed_or(OUT_W, params.out_w);
    let blocks = (channels + STEP - 1u) / STEP;
    // workgroups are counted through, line by line: a grid takes 65,535 of them along an axis
    let index = group.x + group.y * groups.x;
    let groups_per_line = (width * blocks + WG - 1u) / WG;
    let line = index / groups_per_line;
    let unit = (index - line * groups_per_line) * WG + lane;
    let view = line / params.out_h;
    let row = line - view * params.out_h;
    let col = unit / blocks;
    if (view >= params.views || col >= width) {
        return;
    }
    let block = unit - col * blocks;
    let pixel = (view * params.out_h + row) * width + col;
    let row_den = fixed_or(ROW_DEN, params.row_den);
    let col_den = fixed_or(COL_DEN, params.col_den);
    let r = between(row, params.row_mul, params.row_add, row_den, params.in_h);
    let s = between(col, params.col_mul, params.col_add, col_den, params.in_w);
    let upper_line = (view * params.in_h + r.low) * params.in_w;
    let lower_line = (view * params.in_h + r.high) * params.in_w;
    let corner_0 = (upper_line + s.low) * channels + block;
    let corner_1 = (upper_line + s.high) * channels + block;
    let corner_2 = (lower_line + s.low) * channels + block;
    let corner_3 = (lower_line + s.high) * channels + block;
    for (var k = 0u; k < STEP; k++) {
        let c = k * blocks;
        if (block + c < channels) {
            let upper = mix(x[corner_0 + c], x[corner_1 + c], s.weight);
            let lower = mix(x[corner_2 + c], x[corner_3 + c], s.weight);
            y[pixel * channels + block + c] = mix(upper, lower, r.weight);
        }
    }
}
