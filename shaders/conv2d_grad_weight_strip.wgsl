// conv2d_grad_weight_strip — conv2d_grad_weight.wgsl by loads of four; three taps of a row share them
//
//   partials[s, o, a, b, c] = sum_{v, i, j} d_y[v, i, j, o] x[v, h, w, g C' + c]
//   h = i s_h - p_t + a d_h,  w = j - p_l + b,  b = 0, 1, 2,  over the pixels (v, i, j) of slice s
//
//   stride s, padding p, dilation d, C' = C / groups, g the group of o; x is 0 outside the image
//
// Layout   x [V, H, W, C]; d_y [V, OH, OW, O]; partials [slabs, O, KH, 3, C'], all in vectors of
//          four; slice s holds rows s R to s R + R - 1 of the V OH rows of y; column_sum adds the
//          slices up in order
// Mapping  a workgroup is one subgroup of 4, 8 or 16 lanes and owns ROWS channels o; an invocation
//          owns the three taps of one row of the kernel for four channels c. For two pixels of a
//          row of y it keeps four columns of x and loads two of them; of 16 channels it loads 4 of
//          the 32 numbers of d_y, 8 at 4 lanes, of 24 8 of 48, and takes the others from its
//          neighbours by broadcasts; grid: x rows of taps x vectors of C', y groups x tiles of
//          channels, z slices
// Memory   12 loads for 384 fma, or 16 for 576, where conv2d_grad_weight_subgroup.wgsl has 36 at 8 lanes; for
//          software adapters, where a load costs 50 fma, and a sum that a loop carries 1.5 per
//          iteration: hence two pixels at a time
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

override LANES: u32 = 8u; // of a subgroup, 4, 8 or 16; the workgroup is exactly one
const ROWS: u32 = 16u; // tune: 16 24

/// Adds two pixels to the taps of one channel o, from sum `first` on.
fn add_channel(tile: ptr<function, array<vec4f, 3u * ROWS>>, first: u32, d_even: f32, d_odd: f32, columns: ptr<function, array<vec4f, 4>>) {
    let even = vec4f(d_even);
    let odd = vec4f(d_odd);
    (*tile)[first] = fma(odd, (*columns)[1], fma(even, (*columns)[0], (*tile)[first]));
    (*tile)[first + 1u] = fma(odd, (*columns)[2], fma(even, (*columns)[1], (*tile)[first + 1u]));
    (*tile)[first + 2u] = fma(odd, (*columns)[3], fma(even, (*columns)[2], (*tile)[first + 2u]));
}

/// Adds two pixels to the taps of four channels o, from sum `first` on.
fn add_channels(tile: ptr<function, array<vec4f, 3u * ROWS>>, first: u32, even: vec4f, odd: vec4f, columns: ptr<function, array<vec4f, 4>>) {
    add_channel(tile, first, even.x, odd.x, columns);
    add_channel(tile, first + 3u, even.y, odd.y, columns);
    add_channel(tile, first + 6u, even.z, odd.z, columns);
    add_channel(tile, first + 9u, even.w, odd.w, columns);
}

/// Four channels of x in column w of the row that begins at `row`; 0 outside the image.
fn column(w: u32, row: u32, at_c: u32, in_rows: bool) -> vec4f {
    var numbers = vec4f();
    if (in_rows & (w < params.in_w)) { // negative columns wrap to beyond the end
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

@compute @workgroup_size(LANES)
fn conv2d_grad_weight_strip(
    @builtin(workgroup_id) group: vec3u,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let fours = params.group_c / 4u;
    let tiles = (params.group_o + ROWS - 1u) / ROWS;
    let first_o = group.y / tiles * params.group_o;
    let row = group.y % tiles * ROWS;
    let index = group.x * LANES + lane;
    let a = index / fours;
    let has_taps = a < params.kernel_h;
    let c = index - a * fours;
    let at_c = group.y / tiles * fours + c;
    let top = i32(a * params.dilation_h) - i32(params.pad_top);
    // of 16 channels, lanes 0 to 3 hold those of the even pixel, 4 to 7, if there are any, those of
    // the odd one, others repeat; of 24, lanes 0 to 5 hold those of one pixel, or 4 lanes in two loads;
    // channels beyond the last compute it again and are not stored
    let odd = select(0u, lane / 4u % 2u, ROWS == 16u);
    let held = select(lane % 8u, lane % 4u, ROWS == 16u);
    let at_o = (first_o + min(row + held * 4u, params.group_o - 4u)) / 4u;
    let last_o = (first_o + min(row + 16u + lane * 4u, params.group_o - 4u)) / 4u; // for 4 lanes
    var tile: array<vec4f, 3u * ROWS>; // channel o, tap; indexed by constants only, so that it stays in registers
    let begin = group.z * params.slab_rows;
    let end = min(begin + params.slab_rows, params.views * params.out_h);
    for (var line = begin; line < end; line++) {
        let view = line / params.out_h;
        let h = u32(i32((line - view * params.out_h) * params.stride_h) + top);
        let in_rows = has_taps & (h < params.in_h); // negative rows wrap to beyond the end
        let first = (view * params.in_h + h) * params.in_w;
        let left = 0u - params.pad_left;
        var columns: array<vec4f, 4>;
        columns[0] = column(left, first, at_c, in_rows);
        columns[1] = column(left + 1u, first, at_c, in_rows);
        for (var j = 0u; j < params.out_w; j += 2u) {
            columns[2] = column(left + j + 2u, first, at_c, in_rows);
            columns[3] = column(left + j + 3u, first, at_c, in_rows);
            let d = gradients(line, j + odd, at_o);
            let d_even = array(subgroupBroadcast(d, 0u), subgroupBroadcast(d, 1u), subgroupBroadcast(d, 2u), subgroupBroadcast(d, 3u));
            var d_odd: array<vec4f, 4>;
            if (LANES > 4u && ROWS == 16u) {
                d_odd = array(subgroupBroadcast(d, 4u), subgroupBroadcast(d, 5u), subgroupBroadcast(d, 6u), subgroupBroadcast(d, 7u));
            } else {
                let e = gradients(line, j + 1u, at_o);
                d_odd = array(subgroupBroadcast(e, 0u), subgroupBroadcast(e, 1u), subgroupBroadcast(e, 2u), subgroupBroadcast(e, 3u));
                if (ROWS == 24u && LANES > 4u) {
                    add_channels(&tile, 48u, subgroupBroadcast(d, 4u), subgroupBroadcast(e, 4u), &columns);
                    add_channels(&tile, 60u, subgroupBroadcast(d, 5u), subgroupBroadcast(e, 5u), &columns);
                }
            }
            if (ROWS == 24u && LANES == 4u) {
                let f = gradients(line, j, last_o);
                let g = gradients(line, j + 1u, last_o);
                add_channels(&tile, 48u, subgroupBroadcast(f, 0u), subgroupBroadcast(g, 0u), &columns);
                add_channels(&tile, 60u, subgroupBroadcast(f, 1u), subgroupBroadcast(g, 1u), &columns);
            }
            add_channels(&tile, 0u, d_even[0], d_odd[0], &columns);
            add_channels(&tile, 12u, d_even[1], d_odd[1], &columns);
            add_channels(&tile, 24u, d_even[2], d_odd[2], &columns);
            add_channels(&tile, 36u, d_even[3], d_odd[3], &columns);
            columns[0] = columns[2];
            columns[1] = columns[3];
        }
    }
    if (!has_taps) {
        return;
    }
    let terms = params.kernel_h * 3u * fours;
    let first_term = a * 3u * fours + c;
    let beyond = min(row + ROWS, params.group_o);
    for (var o = row; o < beyond; o++) { // not unrolled, which compilers take long to do
        let at = (group.z * params.out_c + first_o + o) * terms + first_term;
        let first = 3u * (o - row);
        partials[at] = tile[first];
        partials[at + fours] = tile[first + 1u];
        partials[at + 2u * fours] = tile[first + 2u];
    }
}
