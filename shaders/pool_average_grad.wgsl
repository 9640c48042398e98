// pool_average_grad — gradient of the means of windows, gathered.
//
//   d_x[v, r, s, c] = sum of d_y[v, row, col, c] / n(row, col)
//   over the windows with a tap on (r, s), n as in pool_average.wgsl
//
// Layout   d_y [V, OUT_H, OUT_W, C], d_x [V, IN_H, IN_W, C] f32
// Mapping  one invocation per STEP channels of one pixel of d_x, ceil(C / STEP) apart: neighbours
//          load neighbours; workgroups along columns, rows, views
// Memory   WIN_H WIN_W / strides loads (most from the cache) + 1 store per element of d_x; bound by
//          bandwidth
// Source   elementary
// Twin     src/kernels/pool.ts

struct Params {
    views: u32,      // V
    in_h: u32,       // axes of d_x
    in_w: u32,
    out_h: u32,      // axes of d_y
    out_w: u32,
    channels: u32,   // C
    win_h: u32,      // taps of the window
    win_w: u32,
    stride_h: u32,   // pixels between windows
    stride_w: u32,
    dilation_h: u32, // pixels between taps
    dilation_w: u32,
    top: i32,        // rows and columns of padding before the first pixel
    left: i32,
    row_begin: i32,  // rows and columns whose taps count in the divisor
    row_end: i32,
    col_begin: i32,
    col_end: i32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> d_y: array<f32>;
@group(0) @binding(2) var<storage, read_write> d_x: array<f32>;

override IN_W: u32 = 0u;     // 0: read at run time
override DILATED: bool = true; // whether taps are further than one pixel apart
override CHANNELS: u32 = 0u;
override WIN_H: u32 = 0u;
override WIN_W: u32 = 0u;
override STRIDE_H: u32 = 0u;
override STRIDE_W: u32 = 0u;
override WG: u32 = 64u;      // invocations per workgroup
const STEP: u32 = 8u; // tune: 1 2 4 8

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

// <lib tap_on>
const NO_TAP: u32 = 0xffffffffu;

/// The tap of a window on the pixel `distance` behind its start; NO_TAP when that lies between two.
fn tap_on(distance: u32, dilation: u32) -> u32 {
    if (!DILATED) {
        return distance;
    }
    let tap = distance / dilation;
    return select(NO_TAP, tap, tap * dilation == distance);
}
// </lib>

// <lib taps_inside>
/// The number of taps of a window starting at `start` that lie in [begin, end).
fn taps_inside(start: i32, taps: u32, dilation: u32, begin: i32, end: i32) -> u32 {
    var inside = 0u;
    for (var i = 0u; i < taps; i++) {
        let position = start + i32(i * dilation);
        inside += select(0u, 1u, position >= begin && position < end);
    }
    return inside;
}
// </lib>

/// The windows [first, end) along one axis that reach over a pixel; `at` is its index from the
/// start of the padding.
fn windows_over(at: i32, taps: u32, dilation: u32, stride: u32, windows: u32) -> vec2u {
    let behind = at - i32((taps - 1u) * dilation) + i32(stride) - 1;
    let first = u32(max(behind, 0)) / stride;
    return vec2u(first, min(u32(at) / stride + 1u, windows));
}

@compute @workgroup_size(WG)
fn pool_average_grad(
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
    let win_h = fixed_or(WIN_H, params.win_h);
    let win_w = fixed_or(WIN_W, params.win_w);
    let stride_h = fixed_or(STRIDE_H, params.stride_h);
    let stride_w = fixed_or(STRIDE_W, params.stride_w);
    var sums: array<f32, STEP>;
    let at_row = i32(row) + params.top;
    let at_col = i32(col) + params.left;
    let rows = windows_over(at_row, win_h, params.dilation_h, stride_h, params.out_h);
    let cols = windows_over(at_col, win_w, params.dilation_w, stride_w, params.out_w);
    for (var r = rows.x; r < rows.y; r++) {
        if (tap_on(u32(at_row) - r * stride_h, params.dilation_h) == NO_TAP) {
            continue;
        }
        let top = i32(r * stride_h) - params.top;
        let high = taps_inside(top, win_h, params.dilation_h, params.row_begin, params.row_end);
        for (var s = cols.x; s < cols.y; s++) {
            if (tap_on(u32(at_col) - s * stride_w, params.dilation_w) == NO_TAP) {
                continue;
            }
            let left = i32(s * stride_w) - params.left;
            let wide =
                taps_inside(left, win_w, params.dilation_w, params.col_begin, params.col_end);
            let share = 1.0 / f32(max(high * wide, 1u));
            let first = ((view * params.out_h + r) * params.out_w + s) * channels + block;
            for (var k = 0u; k < STEP; k++) {
                if (block + k * blocks < channels) {
                    sums[k] += share * d_y[first + k * blocks];
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
