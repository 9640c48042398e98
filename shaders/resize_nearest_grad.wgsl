// resize_nearest_grad — gradient of nearest resampling, gathered.
//
//   d_x[v, r, s, c] = sum of d_y[v, row, col, c]
//   over the rows and columns whose nearest pixel is (r, s)
//
// Layout   d_y [V, OUT_H, OUT_W, pitch], of which C channels from `first` on are read;
//          d_x [V, IN_H, IN_W, C] f32
// Mapping  one invocation per RUN pixels of a column of one channel of d_x: neighbours load neighbours
// Memory   1 load per element of d_y, 1 store per element of d_x; bound by bandwidth
// Source   elementary; the pixels of y that copied one pixel of x are a rectangle
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
    pitch: u32,    // channels of a row of d_y
    first: u32,    // the first of them that is read
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> d_y: array<f32>;
@group(0) @binding(2) var<storage, read_write> d_x: array<f32>;

override IN_W: u32 = 0u;     // 0: read at run time
override CHANNELS: u32 = 0u;
override ROW_DEN: u32 = 0u;
override COL_DEN: u32 = 0u;
override WG: u32 = 64u;      // invocations per workgroup
const RUN: u32 = 8u; // tune: 2 4 8 16

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

/// First index of the axis of y whose source is i or more; outer indices of y fall to the edges of
/// x.
fn first_of(i: u32, mul: i32, add: i32, den: u32, in_length: u32, out_length: u32) -> u32 {
    if (i == 0u) {
        return 0u;
    }
    if (i >= in_length) {
        return out_length;
    }
    let first = -floor_div(add - i32(i * den), mul); // ceil((i den - add) / mul)
    return u32(clamp(first, 0, i32(out_length)));
}

@compute @workgroup_size(WG)
fn resize_nearest_grad(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let channels = fixed_or(CHANNELS, params.channels);
    let width = fixed_or(IN_W, params.in_w);
    let strips = (params.in_h + RUN - 1u) / RUN;
    let unit = (group.x + group.y * groups.x) * WG + lane;
    let column = unit / channels;
    let c = unit - column * channels;
    let line = column / width;
    let col = column - line * width;
    let view = line / strips;
    let top = (line - view * strips) * RUN;
    if (view >= params.views) {
        return;
    }
    let row_den = fixed_or(ROW_DEN, params.row_den);
    let col_den = fixed_or(COL_DEN, params.col_den);
    let pitch = params.pitch;
    let at = params.first + c;
    let left = first_of(col, params.col_mul, params.col_add, col_den, width, params.out_w);
    let right = first_of(col + 1u, params.col_mul, params.col_add, col_den, width, params.out_w);
    var end = first_of(top, params.row_mul, params.row_add, row_den, params.in_h, params.out_h);
    for (var row = top; row < min(top + RUN, params.in_h); row++) {
        let begin = end;
        end = first_of(row + 1u, params.row_mul, params.row_add, row_den, params.in_h, params.out_h);
        var sum = f32();
        for (var r = begin; r < end; r++) {
            let start = (view * params.out_h + r) * params.out_w;
            for (var s = left; s < right; s++) {
                sum += d_y[(start + s) * pitch + at];
            }
        }
        d_x[((view * params.in_h + row) * width + col) * channels + c] = sum;
    }
}
