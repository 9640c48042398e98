// conv2d_strip — conv2d.wgsl, subgroups of 8: three taps of a row share their loads
//
//   y[v, i, j, o] = bias[o] + sum_{a, b, c} x[v, h, w, g C' + c] weight[o, a, b, c]
//   h = i s_h - p_t + a d_h,  w = j - p_l + b,  b = 0, 1, 2
//
//   with RELU max(y, 0);  stride s, padding p, dilation d, C' = C / groups, g the group of o; x is 0 outside the image
//
// Layout   x [V, H, W, C]; weight [O, KH, 3, C']; bias [O] or absent; y [slices, V, OH, OW, O]:
//          the sum over c is cut into slices, which the caller adds up in order; the first brings
//          the bias
// Mapping  a workgroup is one subgroup of 8 lanes; an invocation owns a strip, 8 neighbouring pixels
//          of one row, and 16 channels of y. For each row of taps and channel c it loads 10 numbers
//          of x and 6 weights and takes the other 42 weights from its neighbours by broadcasts;
//          grid z = slice x group x tile of channels
// Memory   16 loads for 384 fma, where conv2d_subgroup.wgsl has 36; for software adapters, where a
//          load costs 8 fma and a broadcast 1; the last strip of a row may be partly idle
// Source   elementary
// Twin     src/kernels/convolution/conv2d.ts

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
    slices: u32,
    slice_c: u32,  // channels of a group in one slice of the sum
    has_bias: u32, // 0 or 1
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

override LANES: u32 = 8u; // of a subgroup, 8 only; the workgroup is exactly one
const ROWS: u32 = 16u; // tune: 16
const STRIP: u32 = 8u; // host: pixels of a row that an invocation computes

// <lib rows_subgroup>
/// The rows of a tile of 16 whose values a lane holds: one, two or four of them, as the subgroup is
/// 16 or more, 8 or 4 lanes wide. The others repeat.
fn rows_of(lane: u32) -> vec4u {
    return (lane + vec4u(0u, LANES, 2u * LANES, 3u * LANES)) % 16u;
}
// </lib>

// <lib lanes_subgroup>
/// The values of lanes 0 to 3. A lane that is a constant costs software adapters one instruction;
/// any other costs them a loop over all lanes.
fn lanes_0(value: f32) -> vec4f {
    return vec4f(
        subgroupBroadcast(value, 0u),
        subgroupBroadcast(value, 1u),
        subgroupBroadcast(value, 2u),
        subgroupBroadcast(value, 3u),
    );
}

/// The values of lanes 4 to 7.
fn lanes_4(value: f32) -> vec4f {
    return vec4f(
        subgroupBroadcast(value, 4u),
        subgroupBroadcast(value, 5u),
        subgroupBroadcast(value, 6u),
        subgroupBroadcast(value, 7u),
    );
}

/// The values of lanes 8 to 11.
fn lanes_8(value: f32) -> vec4f {
    return vec4f(
        subgroupBroadcast(value, 8u),
        subgroupBroadcast(value, 9u),
        subgroupBroadcast(value, 10u),
        subgroupBroadcast(value, 11u),
    );
}

/// The values of lanes 12 to 15.
fn lanes_12(value: f32) -> vec4f {
    return vec4f(
        subgroupBroadcast(value, 12u),
        subgroupBroadcast(value, 13u),
        subgroupBroadcast(value, 14u),
        subgroupBroadcast(value, 15u),
    );
}
// </lib>

// <lib conv2d_rectified>
override RELU: bool = false; // y is max(y, 0)

/// v or, with RELU, max(v, 0); by its bits, so that NaN stays
fn rectified(v: f32) -> f32 {
    let bits = bitcast<u32>(v);
    return select(v, 0.0, RELU && bits >= 0x80000000u && bits <= 0xff800000u);
}
// </lib>

// <lib strip_taps>
/// Adds three taps to one channel of a strip.
fn add_taps(tile: ptr<function, array<vec4f, 32>>, row: u32, weights: vec3f, columns: ptr<function, array<f32, 10>>) {
    for (var half = 0u; half < 2u; half++) {
        let i = 4u * half;
        let first = vec4f((*columns)[i], (*columns)[i + 1u], (*columns)[i + 2u], (*columns)[i + 3u]);
        let second = vec4f(first.yzw, (*columns)[i + 4u]);
        let third = vec4f(second.yzw, (*columns)[i + 5u]);
        var sums = (*tile)[2u * row + half];
        sums = fma(vec4f(weights.x), first, sums);
        sums = fma(vec4f(weights.y), second, sums);
        (*tile)[2u * row + half] = fma(vec4f(weights.z), third, sums);
    }
}

/// Adds three taps to four channels of a strip, from channel `row` of the tile on.
fn add_rows(tile: ptr<function, array<vec4f, 32>>, row: u32, a: vec4f, b: vec4f, c: vec4f, columns: ptr<function, array<f32, 10>>) {
    add_taps(tile, row, vec3f(a.x, b.x, c.x), columns);
    add_taps(tile, row + 1u, vec3f(a.y, b.y, c.y), columns);
    add_taps(tile, row + 2u, vec3f(a.z, b.z, c.z), columns);
    add_taps(tile, row + 3u, vec3f(a.w, b.w, c.w), columns);
}
// </lib>

@compute @workgroup_size(LANES)
fn conv2d_strip(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let strips = (params.out_w + STRIP - 1u) / STRIP; // of a row of y
    let index = (group.x + group.y * groups.x) * LANES + lane;
    let column = index % strips * STRIP;
    let line = index / strips;
    let view = line / params.out_h;
    // strips beyond the last view have all their taps outside the image
    let first_row = i32(line % params.out_h * params.stride_h) - i32(params.pad_top);
    let top = select(first_row, -0x40000000, view >= params.views);
    let left = i32(column) - i32(params.pad_left);
    let tiles = (params.group_o + ROWS - 1u) / ROWS;
    let parts = tiles * (params.out_c / params.group_o);
    let slice = group.z / parts;
    let first_o = group.z % parts / tiles * params.group_o;
    let first_c = group.z % parts / tiles * params.group_c;
    let row = group.z % tiles * ROWS;
    let begin = slice * params.slice_c;
    let end = min(begin + params.slice_c, params.group_c);
    // rows beyond the last channel compute it again and are not stored
    let rows = first_o + min(row + rows_of(lane), vec4u(params.group_o - 1u));
    var tile: array<vec4f, 32>; // indexed by constants only, so that it stays in registers
    for (var a = 0u; a < params.kernel_h; a++) {
        let h = top + i32(a * params.dilation_h);
        let has_row = u32(h) < params.in_h; // negative ones wrap to beyond the end
        var at_x: array<u32, 10>;
        var exists: array<bool, 10>;
        for (var i = 0u; i < 10u; i++) {
            let w = left + i32(i);
            exists[i] = has_row && u32(w) < params.in_w;
            let at = ((view * params.in_h + u32(h)) * params.in_w + u32(w)) * params.in_c;
            at_x[i] = select(0u, at + first_c, exists[i]);
        }
        let at_w = (rows * params.kernel_h + a) * 3u * params.group_c;
        for (var c = begin; c < end; c++) {
            var columns: array<f32, 10>;
            for (var i = 0u; i < 10u; i++) {
                columns[i] = select(0.0, x[at_x[i] + c], exists[i]);
            }
            let first = at_w + c;
            let second = first + params.group_c;
            let third = second + params.group_c;
            // channels 0 to 7 of the tile are in x, 8 to 15 in y
            let a_low = weight[first.x];
            let b_low = weight[second.x];
            let c_low = weight[third.x];
            let a_high = weight[first.y];
            let b_high = weight[second.y];
            let c_high = weight[third.y];
            add_rows(&tile, 0u, lanes_0(a_low), lanes_0(b_low), lanes_0(c_low), &columns);
            add_rows(&tile, 4u, lanes_4(a_low), lanes_4(b_low), lanes_4(c_low), &columns);
            add_rows(&tile, 8u, lanes_0(a_high), lanes_0(b_high), lanes_0(c_high), &columns);
            add_rows(&tile, 12u, lanes_4(a_high), lanes_4(b_high), lanes_4(c_high), &columns);
        }
    }
    if (view >= params.views) {
        return;
    }
    let pixel = (slice * params.views * params.out_h + line) * params.out_w + column;
    for (var r = 0u; r < ROWS; r++) {
        if (row + r < params.group_o) {
            let channel = first_o + row + r;
            var start = 0.0;
            if (params.has_bias != 0u && slice == 0u) {
                start = bias[channel];
            }
            for (var i = 0u; i < STRIP; i++) {
                if (column + i < params.out_w) {
                    y[(pixel + i) * params.out_c + channel] = rectified(start + tile[2u * r + i / 4u][i % 4u]);
                }
            }
        }
    }
}
