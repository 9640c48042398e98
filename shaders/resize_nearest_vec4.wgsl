// resize_nearest_vec4 — resize_nearest.wgsl with loads and stores of four channels.
//
//   y[v, row, col, c] = x[v, r, s, c],  r = floor((row row_mul + row_add) / row_den) inside x
//   s likewise
//
// Layout   x [V, IN_H, IN_W, C], y [V, OUT_H, OUT_W, C] f32, C a multiple of 4
// Mapping  one invocation per four channels of RUN pixels of a column of y: neighbours load
//          neighbours; a row of x is loaded once for all of them that copy it
// Memory   at most 1 load + 1 store of 16 bytes per four elements of y; bound by bandwidth
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
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

override OUT_W: u32 = 0u;    // 0: read at run time
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

/// Index in an axis of x of index o in the axis of y
fn source(o: u32, mul: i32, add: i32, den: u32, length: u32) -> u32 {
    return u32(clamp(floor_div(i32(o) * mul + add, i32(den)), 0, i32(length) - 1));
}

@compute @workgroup_size(WG)
fn resize_nearest_vec4(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let quads = fixed_or(CHANNELS, params.channels) / 4u;
    let width = fixed_or(OUT_W, params.out_w);
    let strips = (params.out_h + RUN - 1u) / RUN;
    let unit = (group.x + group.y * groups.x) * WG + lane;
    let column = unit / quads;
    let q = unit - column * quads;
    let line = column / width;
    let col = column - line * width;
    let view = line / strips;
    let top = (line - view * strips) * RUN;
    if (view >= params.views) {
        return;
    }
    let row_den = fixed_or(ROW_DEN, params.row_den);
    let col_den = fixed_or(COL_DEN, params.col_den);
    let s = source(col, params.col_mul, params.col_add, col_den, params.in_w);
    let pitch = params.in_w * quads;
    let first = (view * params.in_h * params.in_w + s) * quads + q;
    // the row of x to copy, and the one whose value is held
    var r = source(top, params.row_mul, params.row_add, row_den, params.in_h);
    var held = params.in_h;
    var value = vec4f();
    for (var row = top; row < min(top + RUN, params.out_h); row++) {
        let position = i32(row) * params.row_mul + params.row_add;
        while (i32((r + 1u) * row_den) <= position && r + 1u < params.in_h) {
            r++;
        }
        // a loop, not a condition: a processor's lanes would all run through the latter
        while (held != r) {
            value = x[first + r * pitch];
            held = r;
        }
        y[((view * params.out_h + row) * width + col) * quads + q] = value;
    }
}
