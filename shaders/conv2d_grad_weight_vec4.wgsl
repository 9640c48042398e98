// conv2d_grad_weight_vec4 — conv2d_grad_weight.wgsl by loads of four, one subgroup per workgroup
//
//   partials[s, o, a, b, c] = sum_{v, i, j} d_y[v, i, j, o] x[v, h, w, g C' + c]
//   h = i s_h - p_t + a d_h,  w = j s_w - p_l + b d_w,  over the pixels (v, i, j) of slice s
//
//   stride s, padding p, dilation d, C' = C / groups, g the group of o; x is 0 outside the image
//
// Layout   x [V, H, W, C]; d_y [V, OH, OW, O]; partials [slabs, O, KH, KW, C'], all in vectors of
//          four; slice s holds rows s R to s R + R - 1 of the V OH rows of y; column_sum adds the
//          slices up in order
// Mapping  a workgroup is one subgroup of 4, 8 or 16 lanes and owns ROWS channels o x VECTORS
//          LANES vectors of terms (a, b, c) of one slice, an invocation all ROWS of its VECTORS,
//          LANES apart; for each of UNROLL pixels of a row of y it loads those of x and one of d_y,
//          two at 4 lanes, and takes the others from its neighbours by broadcasts; of 16 channels it
//          loads one vector of d_y for two pixels; grid: x tiles of terms, y groups x tiles of
//          channels, z slices
// Memory   2 loads of 16 bytes for 128 fma per pixel at 32 channels; for software adapters, where
//          such a load costs 150 fma, and a sum that a loop carries 1.5 per iteration. Two pixels at a
//          time halve the latter, but some processors run long loops at half the speed
// Source   elementary
// Twin     src/kernels/convolution/conv2d_grad_weight.ts

enable subgroups;

struct Params {
    views: u32,
    in_h: u32, // image
    in_w: u32,
    in_c: u32,
    out_h: u32, // feature map
    out_w: u32,
    out_c: u32,
    kernel_h: u32,
    kernel_w: u32,
    stride_h: u32,
    stride_w: u32,
    pad_top: u32,
    pad_left: u32,
    dilation_h: u32,
    dilation_w: u32,
    group_c: u32,  // C / groups
    group_o: u32,  // O / groups
    slab_rows: u32, // rows of y (all views') in a slice
    slabs: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> d_y: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> partials: array<vec4f>;

override GROUP_C: u32 = 0u; // 0: read at run time
override KERNEL_W: u32 = 0u;
override LANES: u32 = 8u; // of a subgroup, 4, 8 or 16; the workgroup is exactly one
const ROWS: u32 = 32u; // tune: 16 24 32
/// Vectors of terms per invocation.
const VECTORS: u32 = 1u; // tune: 1 2
/// Pixels of a row of y per iteration.
const UNROLL: u32 = 1u; // tune: 1 2

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

/// The image position of four terms (a, b, c) of the weight, for the pixel of y at (0, 0).
struct Terms {
    h: i32,
    w: i32,
    c: u32, // of a vector of four channels
    exists: bool,
}

fn terms_of(n: u32) -> Terms {
    let group_c = fixed_or(GROUP_C, params.group_c);
    let kernel_w = fixed_or(KERNEL_W, params.kernel_w);
    let tap = n / group_c;
    let a = tap / kernel_w;
    let h = i32(a * params.dilation_h) - i32(params.pad_top);
    let w = i32((tap - a * kernel_w) * params.dilation_w) - i32(params.pad_left);
    return Terms(h, w, (n - tap * group_c) / 4u, a < params.kernel_h);
}

/// Four numbers of x at a column of the row that begins at `row`; 0 outside the image.
fn seen(column: i32, row: u32, at_c: u32, in_rows: bool) -> vec4f {
    let w = u32(column); // negative columns wrap to beyond the end
    var numbers = vec4f();
    if (in_rows & (w < params.in_w)) { // where there is nothing to see, a load is skipped
        numbers = x[(row + w) * (params.in_c / 4u) + at_c];
    }
    return numbers;
}

/// Four numbers of d_y in a row of all views; 0 beyond its end.
fn gradients(line: u32, j: u32, at_o: u32) -> vec4f {
    var numbers = vec4f();
    if (j < params.out_w) {
        numbers = d_y[(line * params.out_w + j) * (params.out_c / 4u) + at_o];
    }
    return numbers;
}

// <lib outer_vec4>
/// Adds a term, or with UNROLL = 2 two, of one row x VECTORS vectors of columns to a tile.
fn add_row(tile: ptr<function, array<vec4f, ROWS * VECTORS>>, row: u32, left_even: f32, left_odd: f32, even: array<vec4f, 2>, odd: array<vec4f, 2>) {
    let t = VECTORS * row;
    (*tile)[t] = fma(vec4f(left_even), even[0], (*tile)[t]);
    if (UNROLL == 2u) {
        (*tile)[t] = fma(vec4f(left_odd), odd[0], (*tile)[t]);
    }
    if (VECTORS == 2u) {
        (*tile)[t + 1u] = fma(vec4f(left_even), even[1], (*tile)[t + 1u]);
        if (UNROLL == 2u) {
            (*tile)[t + 1u] = fma(vec4f(left_odd), odd[1], (*tile)[t + 1u]);
        }
    }
}

/// Adds a term, or two, of four rows x VECTORS vectors of columns, from `row` of the tile on.
fn add_rows(tile: ptr<function, array<vec4f, ROWS * VECTORS>>, row: u32, left_even: vec4f, left_odd: vec4f, even: array<vec4f, 2>, odd: array<vec4f, 2>) {
    add_row(tile, row, left_even.x, left_odd.x, even, odd);
    add_row(tile, row + 1u, left_even.y, left_odd.y, even, odd);
    add_row(tile, row + 2u, left_even.z, left_odd.z, even, odd);
    add_row(tile, row + 3u, left_even.w, left_odd.w, even, odd);
}
// </lib>

@compute @workgroup_size(LANES)
fn conv2d_grad_weight_vec4(
    @builtin(workgroup_id) group: vec3u,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let terms = params.kernel_h * params.kernel_w * params.group_c;
    let tiles = (params.group_o + ROWS - 1u) / ROWS;
    let first_o = group.y / tiles * params.group_o;
    let first_c = group.y / tiles * params.group_c / 4u;
    let row = group.y % tiles * ROWS;
    let n = 4u * (group.x * VECTORS * LANES + lane);
    let m = n + 4u * LANES;
    let near = terms_of(n);
    let far = terms_of(m);
    // of 16 channels, lanes 4 to 7, if there are any, hold those of the odd pixel; channels beyond the
    // last compute it again and are not stored
    let paired = LANES > 4u && ROWS == 16u && UNROLL == 2u;
    let ahead = select(0u, lane / 4u % 2u, paired);
    let held = select(lane % 8u, lane % 4u, ROWS == 16u);
    let at_o = (first_o + min(row + held * 4u, params.group_o - 4u)) / 4u;
    let last_o = (first_o + min(row + 16u + lane * 4u, params.group_o - 4u)) / 4u; // for 4 lanes
    var tile: array<vec4f, ROWS * VECTORS>; // channel o, term; indexed by constants only, so that it stays in registers
    let begin = group.z * params.slab_rows;
    let end = min(begin + params.slab_rows, params.views * params.out_h);
    for (var line = begin; line < end; line++) {
        let view = line / params.out_h;
        let i = i32((line - view * params.out_h) * params.stride_h);
        // negative rows wrap to beyond the end
        let near_h = u32(i + near.h);
        let far_h = u32(i + far.h);
        let near_in = near.exists & (near_h < params.in_h);
        let far_in = far.exists & (far_h < params.in_h);
        let near_row = (view * params.in_h + near_h) * params.in_w;
        let far_row = (view * params.in_h + far_h) * params.in_w;
        for (var j = 0u; j < params.out_w; j += UNROLL) {
            let has_odd = UNROLL == 2u && j + 1u < params.out_w;
            let w = i32(j * params.stride_w);
            let next = w + i32(params.stride_w);
            var even: array<vec4f, 2>;
            var odd: array<vec4f, 2>;
            even[0] = seen(w + near.w, near_row, first_c + near.c, near_in);
            if (UNROLL == 2u) {
                odd[0] = seen(next + near.w, near_row, first_c + near.c, near_in & has_odd);
            }
            if (VECTORS == 2u) {
                even[1] = seen(w + far.w, far_row, first_c + far.c, far_in);
                if (UNROLL == 2u) {
                    odd[1] = seen(next + far.w, far_row, first_c + far.c, far_in & has_odd);
                }
            }
            let d = gradients(line, j + ahead, at_o);
            var e: vec4f;
            if (paired) {
                add_rows(&tile, 0u, subgroupBroadcast(d, 0u), subgroupBroadcast(d, 4u), even, odd);
                add_rows(&tile, 4u, subgroupBroadcast(d, 1u), subgroupBroadcast(d, 5u), even, odd);
                add_rows(&tile, 8u, subgroupBroadcast(d, 2u), subgroupBroadcast(d, 6u), even, odd);
                add_rows(&tile, 12u, subgroupBroadcast(d, 3u), subgroupBroadcast(d, 7u), even, odd);
            } else {
                if (UNROLL == 2u) {
                    e = gradients(line, j + 1u, at_o);
                }
                add_rows(&tile, 0u, subgroupBroadcast(d, 0u), subgroupBroadcast(e, 0u), even, odd);
                add_rows(&tile, 4u, subgroupBroadcast(d, 1u), subgroupBroadcast(e, 1u), even, odd);
                add_rows(&tile, 8u, subgroupBroadcast(d, 2u), subgroupBroadcast(e, 2u), even, odd);
                add_rows(&tile, 12u, subgroupBroadcast(d, 3u), subgroupBroadcast(e, 3u), even, odd);
            }
            if (ROWS > 16u && LANES == 4u) {
                let f = gradients(line, j, last_o);
                var g: vec4f;
                if (UNROLL == 2u) {
                    g = gradients(line, j + 1u, last_o);
                }
                add_rows(&tile, 16u, subgroupBroadcast(f, 0u), subgroupBroadcast(g, 0u), even, odd);
                add_rows(&tile, 20u, subgroupBroadcast(f, 1u), subgroupBroadcast(g, 1u), even, odd);
                if (ROWS > 24u) {
                    add_rows(&tile, 24u, subgroupBroadcast(f, 2u), subgroupBroadcast(g, 2u), even, odd);
                    add_rows(&tile, 28u, subgroupBroadcast(f, 3u), subgroupBroadcast(g, 3u), even, odd);
                }
            } else if (ROWS > 16u) {
                add_rows(&tile, 16u, subgroupBroadcast(d, 4u), subgroupBroadcast(e, 4u), even, odd);
                add_rows(&tile, 20u, subgroupBroadcast(d, 5u), subgroupBroadcast(e, 5u), even, odd);
                if (ROWS > 24u) {
                    add_rows(&tile, 24u, subgroupBroadcast(d, 6u), subgroupBroadcast(e, 6u), even, odd);
                    add_rows(&tile, 28u, subgroupBroadcast(d, 7u), subgroupBroadcast(e, 7u), even, odd);
                }
            }
        }
    }
    let beyond = min(row + ROWS, params.group_o);
    for (var o = row; o < beyond; o++) { // not unrolled, which compilers take long to do
        let first = (group.z * params.out_c + first_o + o) * terms;
        if (near.exists) {
            partials[(first + n) / 4u] = tile[VECTORS * (o - row)];
        }
        if (VECTORS == 2u && far.exists) {
            partials[(first + m) / 4u] = tile[VECTORS * (o - row) + 1u];
        }
    }
}
