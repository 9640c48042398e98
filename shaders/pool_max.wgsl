// pool_max — the largest value of each window of an image.
//
//   y[v, row, col, c] = max_{i, j} x[v, r(i), s(j), c]
//   r(i) = row stride_h + i dilation_h - top, s(j) = col stride_w + j dilation_w - left, inside x;
//   a window without a tap there gives the lowest f32
//
// Layout   x [V, IN_H, IN_W, C], y [V, OUT_H, OUT_W, C] f32
// Mapping  one invocation per STEP channels of one pixel of y, ceil(C / STEP) apart: neighbours
//          load neighbours; workgroups along columns, rows, views
// Memory   WIN_H WIN_W loads (most from the cache) + 1 store per element of y; bound by bandwidth
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
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

override OUT_W: u32 = 0u;     // 0: read at run time
override CHANNELS: u32 = 0u;
override WIN_H: u32 = 0u;
override WIN_W: u32 = 0u;
override STRIDE_H: u32 = 0u;
override STRIDE_W: u32 = 0u;
override WG: u32 = 64u;      // invocations per workgroup
const STEP: u32 = 8u; // tune: 1 2 4 8
const LOWEST: f32 = -3.4028234663852886e38; // host: the lowest f32, where no tap is inside

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
fn pool_max(
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
    let win_h = fixed_or(WIN_H, params.win_h);
    let win_w = fixed_or(WIN_W, params.win_w);
    let stride_h = fixed_or(STRIDE_H, params.stride_h);
    let stride_w = fixed_or(STRIDE_W, params.stride_w);
    let first_row = i32(row * stride_h) - params.top;
    let first_col = i32(col * stride_w) - params.left;
    var highest: array<f32, STEP>;
    for (var k = 0u; k < STEP; k++) {
        highest[k] = LOWEST;
    }
    var empty = true; // of taps: the first one replaces the lowest f32, so that -infinity stays
    for (var i = 0u; i < win_h; i++) {
        let r = u32(first_row + i32(i * params.dilation_h)); // huge when negative
        for (var j = 0u; j < win_w && r < params.in_h; j++) {
            let s = u32(first_col + i32(j * params.dilation_w));
            let first = ((view * params.in_h + r) * params.in_w + s) * channels + block;
            for (var k = 0u; k < STEP; k++) {
                if (s < params.in_w && block + k * blocks < channels) {
                    let v = x[first + k * blocks];
                    highest[k] = select(max_or_nan(highest[k], v), v, empty);
                }
            }
            empty = empty && s >= params.in_w;
        }
    }
    for (var k = 0u; k < STEP; k++) {
        if (block + k * blocks < channels) {
            y[pixel * channels + block + k * blocks] = highest[k];
        }
    }
}
