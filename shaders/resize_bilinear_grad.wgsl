// resize_bilinear_grad — gradient of linear resampling, gathered.
//
//   d_x[v, r, s, c] = sum_{row, col} w(row, r) w(col, s) d_y[v, row, col, c]
//   w as in resize_bilinear.wgsl
//
// Layout   d_y [V, OUT_H, OUT_W, C], d_x [V, IN_H, IN_W, C] f32
// Mapping  one invocation per STEP channels of one pixel of d_x, ceil(C / STEP) apart: neighbours
//          load neighbours; workgroups along columns, rows, views
// Memory   1 load per element of d_y (4 with the cache's), 1 store per element of d_x; bound by
//          bandwidth
// Source   elementary; the pixels of y that read one pixel of x are a rectangle, so no atomics
// Twin     src/kernels/resize.ts

struct Params {
    views: u32,    // V
    in_h: u32,     // axes of d_x
    in_w: u32,
    out_h: u32,    // axes of d_y
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
@group(0) @binding(1) var<storage, read> d_y: array<f32>;
@group(0) @binding(2) var<storage, read_write> d_x: array<f32>;

override IN_W: u32 = 0u;     // 0: read at run time
override CHANNELS: u32 = 0u;
override ROW_DEN: u32 = 0u;
override COL_DEN: u32 = 0u;
override WG: u32 = 64u;      // invocations per workgroup
const STEP: u32 = 8u; // tune: 1 2 4 8

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

// <lib floor_div>
/// floor(a / b) for b > 0
fn floor_div(a: i32, b: i32) -> i32 {
    let q = a / b;
    return select(q, q - 1, a - q * b < 0);
}
// </lib>

/// The indices [first, end) of the axis of y that pixel i of the axis of x has a weight in.
fn support(i: u32, mul: i32, add: i32, den: u32, in_length: u32, out_length: u32) -> vec2u {
    let begin = floor_div((i32(i) - 1) * i32(den) - add, mul) + 1;
    let end = -floor_div(add - (i32(i) + 1) * i32(den), mul);
    // outer indices of y lie on the edges of x
    return vec2u(
        select(u32(clamp(begin, 0, i32(out_length))), 0u, i == 0u),
        select(u32(clamp(end, 0, i32(out_length))), out_length, i + 1u == in_length),
    );
}

/// w(o, i)
fn weight(o: u32, i: u32, mul: i32, add: i32, den: u32, length: u32) -> f32 {
    let position = clamp(i32(o) * mul + add, 0, i32((length - 1u) * den));
    return 1.0 - f32(abs(position - i32(i * den))) / f32(den);
}

@compute @workgroup_size(WG)
fn resize_bilinear_grad(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let channels = fixed_or(CHANNELS, params.channels);
    let width = fixed_or(IN_W, params.in_w);
    let blocks = (channels + STEP - 1u) / STEP;
    // workgroups are counted through, line by line: a grid takes 65,535 of them along an axis
    let index = group.x + group.y * groups.x;
    let groups_per_line = (width * blocks + WG - 1u) / WG;
    let line = index / groups_per_line;
    let unit = (index - line * groups_per_line) * WG + lane;
    let view = line / params.in_h;
    let row = line - view * params.in_h;
    let col = unit / blocks;
    if (view >= params.views || col >= width) {
        return;
    }
    let block = unit - col * blocks;
    let pixel = (view * params.in_h + row) * width + col;
    let row_den = fixed_or(ROW_DEN, params.row_den);
    let col_den = fixed_or(COL_DEN, params.col_den);
    let rows = support(row, params.row_mul, params.row_add, row_den, params.in_h, params.out_h);
    let cols = support(col, params.col_mul, params.col_add, col_den, width, params.out_w);
    var sums: array<f32, STEP>;
    for (var r = rows.x; r < rows.y; r++) {
        let by_row = weight(r, row, params.row_mul, params.row_add, row_den, params.in_h);
        for (var s = cols.x; s < cols.y; s++) {
            let w = by_row * weight(s, col, params.col_mul, params.col_add, col_den, width);
            let first = ((view * params.out_h + r) * params.out_w + s) * channels + block;
            for (var k = 0u; k < STEP; k++) {
                if (block + k * blocks < channels) {
                    sums[k] += w * d_y[first + k * blocks];
                }
            }
        }
    }
    for (var k = 0u; k < STEP; k++) {
        if (block + k * blocks < channels) {
            d_x[pixel * channels + block + k * blocks] = sums[k];
        }
    }
}
