// resize_bilinear_vec4 — resize_bilinear.wgsl with loads and stores of four channels.
//
//   y[v, row, col] = mix(mix(x[v, r0, s0], x[v, r0, s1], w_col), mix(x[v, r1, s0], x[v, r1, s1],
//   w_col), w_row),  as in resize_bilinear.wgsl
//
// Layout   x [V, IN_H, IN_W, C], y [V, OUT_H, OUT_W, C] f32, C a multiple of 4
// Mapping  one invocation per four channels of RUN pixels of a column of y: neighbours load
//          neighbours; each row of x is loaded and mixed once for all pixels that lie beside it
// Memory   1 load of 16 bytes per four elements where y has twice the rows of x (2 at the same size),
//          and 1 store; bound by bandwidth
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

/// Where index o of the axis of y lies in the axis of x, in units of 1 / den.
fn position(o: u32, mul: i32, add: i32, den: u32, length: u32) -> u32 {
    return u32(clamp(i32(o) * mul + add, 0, i32((length - 1u) * den)));
}

@compute @workgroup_size(WG)
fn resize_bilinear_vec4(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let quads = fixed_or(CHANNELS, params.channels) / 4u;
    let width = fixed_or(OUT_W, params.out_w);
    let strips = (params.out_h + RUN - 1u) / RUN;
    let unit = (group.x + group.y * groups.x) * WG + lane;
    // remainders as differences: a processor divides whole numbers lane by lane
    let column = unit / quads;
    let q = unit - column * quads;
    let line = column / width;
    let col = column - line * width;
    let view = line / strips;
    let top = (line - view * strips) * RUN;
    if (view >= params.views) {
        return;
    }
    let col_den = fixed_or(COL_DEN, params.col_den);
    let from_left = position(col, params.col_mul, params.col_add, col_den, params.in_w);
    let left = from_left / col_den;
    let right = min(left + 1u, params.in_w - 1u);
    let col_weight = f32(from_left - left * col_den) / f32(col_den);
    let image = view * params.in_h * params.in_w;
    let at_left = (image + left) * quads + q;
    let at_right = (image + right) * quads + q;
    let pitch = params.in_w * quads;
    let row_den = fixed_or(ROW_DEN, params.row_den);
    // the next row of x to load; `lower` and `upper` are the last two
    var next = position(top, params.row_mul, params.row_add, row_den, params.in_h) / row_den;
    var upper = vec4f();
    var lower = vec4f();
    for (var row = top; row < min(top + RUN, params.out_h); row++) {
        let from_top = position(row, params.row_mul, params.row_add, row_den, params.in_h);
        // rows above both neighbours
        while ((next + 1u) * row_den <= from_top) {
            next++;
        }
        // a loop, not a condition: a processor's lanes would all run through the latter
        while (i32(next * row_den) - i32(row_den) <= i32(from_top)) {
            let start = min(next, params.in_h - 1u) * pitch;
            upper = lower;
            lower = mix(x[start + at_left], x[start + at_right], col_weight);
            next++;
        }
        let row_weight = f32(from_top - (next - 2u) * row_den) / f32(row_den);
        y[((view * params.out_h + row) * width + col) * quads + q] =
            mix(upper, lower, row_weight);
    }
}
