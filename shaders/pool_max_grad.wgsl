// pool_max_grad — gradient of the largest values of windows, gathered.
//
//   d_x[v, r, s, c] = sum of d_y[v, row, col, c]
//   over the windows whose first maximum, by rows and then columns of the window, is (r, s)
//
// Layout   x, d_x [V, IN_H, IN_W, C], y, d_y [V, OUT_H, OUT_W, C] f32
// Mapping  one invocation per STEP channels of one pixel of d_x, ceil(C / STEP) apart: neighbours
//          load neighbours; workgroups along columns, rows, views
// Memory   WIN_H WIN_W / strides loads of y + 1 store per element of d_x, and for each window's
//          maximum a search for an earlier one; bound by bandwidth
// Source   elementary
// Twin     src/kernels/pool.ts

struct Params {
    views: u32,      // V
    in_h: u32,       // axes of x
    in_w: u32,
    out_h: u32,      // axes of y
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
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read> d_y: array<f32>;
@group(0) @binding(4) var<storage, read_write> d_x: array<f32>;

override IN_W: u32 = 0u;     // 0: read at run time
override DILATED: bool = true; // whether taps are further than one pixel apart
override CHANNELS: u32 = 0u;
override WIN_H: u32 = 0u;
override WIN_W: u32 = 0u;
override STRIDE_H: u32 = 0u;
override STRIDE_W: u32 = 0u;
override WG: u32 = 64u;      // invocations per workgroup
const STEP: u32 = 8u; // tune: 1 2 4 8

// <lib is_nan>
/// Whether x is NaN, by its bits: WGSL may assume that comparisons never see one.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
// </lib>

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

/// The windows [first, end) along one axis that reach over a pixel; `at` is its index from the
/// start of the padding.
fn windows_over(at: i32, taps: u32, dilation: u32, stride: u32, windows: u32) -> vec2u {
    let behind = at - i32((taps - 1u) * dilation) + i32(stride) - 1;
    let first = u32(max(behind, 0)) / stride;
    return vec2u(first, min(u32(at) / stride + 1u, windows));
}

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

/// Whether x is the maximum; NaN is that of its window.
fn holds(x: f32, highest: f32) -> bool {
    return x == highest || (is_nan(x) && is_nan(highest));
}

/// Whether no tap before `tap` of the window that starts at (first_row, first_col) holds `highest`
/// too.
fn is_first(
    view: u32,
    first_row: i32,
    first_col: i32,
    c: u32,
    tap: u32,
    win_w: u32,
    highest: f32,
) -> bool {
    for (var before = 0u; before < tap; before++) {
        let i = before / win_w;
        let r = u32(first_row + i32(i * params.dilation_h)); // huge when negative
        let s = u32(first_col + i32((before - i * win_w) * params.dilation_w));
        if (r < params.in_h && s < params.in_w) {
            let at = ((view * params.in_h + r) * params.in_w + s) * params.channels + c;
            if (holds(x[at], highest)) {
                return false;
            }
        }
    }
    return true;
}

@compute @workgroup_size(WG)
fn pool_max_grad(
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
        let i = tap_on(u32(at_row) - r * stride_h, params.dilation_h);
        if (i == NO_TAP) {
            continue;
        }
        for (var s = cols.x; s < cols.y; s++) {
            let j = tap_on(u32(at_col) - s * stride_w, params.dilation_w);
            if (j == NO_TAP) {
                continue;
            }
            let first_row = i32(r * stride_h) - params.top;
            let first_col = i32(s * stride_w) - params.left;
            let window = ((view * params.out_h + r) * params.out_w + s) * channels;
            for (var k = 0u; k < STEP; k++) {
                let c = block + k * blocks;
                if (c < channels && holds(x[pixel * channels + c], y[window + c])) {
                    let tap = i * win_w + j;
                    if (is_first(view, first_row, first_col, c, tap, win_w, y[window + c])) {
                        sums[k] += d_y[window + c];
                    }
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
