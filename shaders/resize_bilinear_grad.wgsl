// resize_bilinear_grad — gradient of linear resampling, gathered.
//
//   d_x[v, r, s, c] = sum_{row} w(row, r) sum_{col} w(col, s) d_y[v, row, col, c]
//   w as in resize_bilinear.wgsl
//
// Layout   d_y [V, OUT_H, OUT_W, C], d_x [V, IN_H, IN_W, C] f32
// Mapping  one invocation per RUN pixels of a column of one channel of d_x: neighbours load
//          neighbours; the sum along a row of d_y is made once for both rows of d_x beside it
// Memory   2 loads per element of d_y (a row at each end of RUN once more), 1 store per element of
//          d_x; bound by bandwidth
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
    let strips = (params.in_h + RUN - 1u) / RUN;
    let unit = (group.x + group.y * groups.x) * WG + lane;
    // remainders as differences: a processor divides whole numbers lane by lane
    let column = unit / channels;
    let c = unit - column * channels;
    let line = column / width;
    let col = column - line * width;
    let view = line / strips;
    let first = (line - view * strips) * RUN;
    if (view >= params.views) {
        return;
    }
    let end = min(first + RUN, params.in_h);
    let den = i32(fixed_or(ROW_DEN, params.row_den));
    let col_den = fixed_or(COL_DEN, params.col_den);
    let cols = support(col, params.col_mul, params.col_add, col_den, width, params.out_w);
    let begin = support(first, params.row_mul, params.row_add, u32(den), params.in_h, params.out_h).x;
    let rows = support(end - 1u, params.row_mul, params.row_add, u32(den), params.in_h, params.out_h);
    let last = i32(params.in_h - 1u) * den;
    // the sums of row `at` of d_x and of the next one
    var at = i32(first) - 1;
    var here = f32();
    var below = f32();
    for (var r = begin; r < rows.y; r++) {
        let from_top = clamp(i32(r) * params.row_mul + params.row_add, 0, last);
        while ((at + 1) * den <= from_top) {
            if (at >= i32(first)) {
                d_x[((view * params.in_h + u32(at)) * width + col) * channels + c] = here;
            }
            here = below;
            below = f32();
            at++;
        }
        var sum = f32();
        let start = (view * params.out_h + r) * params.out_w;
        for (var s = cols.x; s < cols.y; s++) {
            let w = weight(s, col, params.col_mul, params.col_add, col_den, width);
            sum += w * d_y[(start + s) * channels + c];
        }
        let share = f32(from_top - at * den) / f32(den);
        here += (1.0 - share) * sum;
        // no neighbour, whatever d_y is, where the share is 0
        below += select(f32(), share * sum, share > 0.0);
    }
    for (; at < i32(end); at++) {
        if (at >= i32(first)) {
            d_x[((view * params.in_h + u32(at)) * width + col) * channels + c] = here;
        }
        here = below;
        below = f32();
    }
}
