// conv2d_grad_input_vec4 — conv2d_grad_input.wgsl, one subgroup each, loads and stores of four
//
//   d_x[v, h, w, g C' + c] = bias[g C' + c] + sum_{a, b, o} d_y[v, i, j, o] weight[o, a, b, c]
//   over the taps and pixels with h = i s_h - p_t + a d_h,  w = j s_w - p_l + b d_w
//
//   stride s, padding p, dilation d, C' = C / groups, o over the channels of group g; the bias is
//   that of the transposed convolution, which is this very sum
//
// Layout   d_y [V, OH, OW, O]; weight [O, KH, KW, C']; bias [C] or absent; d_x [slices, V, H, W,
//          C]: the sum over o is cut into slices, which the caller adds up in order; the first
//          brings the bias; C', O / groups and the channels of a slice are multiples of four
// Mapping  as gemm_vec4.wgsl: a workgroup owns 4 LANES channels of d_x and as many pixels, at most
//          32, all of one phase (h mod s_h, w mod s_w), so that a tap reaches all of them or none;
//          each invocation owns 4 channels of all pixels. For 4 channels o of a tap it loads 4 x 4
//          weights and 4 x 4 numbers of d_y, and takes the other pixels from its neighbours by
//          broadcasts; grid z = slice x phase x group x tile of channels
// Memory   8 loads of 16 bytes for 512 fma from 8 lanes on, where conv2d_grad_input_subgroup.wgsl
//          has 48 of 4 bytes; for software adapters, where a load of 16 bytes costs as much as 3
//          or 4 of 4 bytes
// Source   elementary
// Twin     src/kernels/convolution/conv2d_grad_input.ts

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
    slice_o: u32,  // channels of a group in one slice of the sum
    has_bias: u32, // 0 or 1
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> d_y: array<vec4f>;
@group(0) @binding(2) var<storage, read> weight: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> d_x: array<vec4f>;

override LANES: u32 = 8u; // of a subgroup: 4 to 64; the workgroup is exactly one
const PIXELS: u32 = 32u; // host: of a tile, the most; 16 at 4 lanes

// <lib conv2d_phase>
/// The image pixels (row stride_h + h, column stride_w + w): the same taps reach all of them.
struct Phase {
    h: u32,
    w: u32,
    rows: u32,
    columns: u32,
}

fn phase_of(index: u32) -> Phase {
    let h = index / params.stride_w;
    let w = index % params.stride_w;
    let rows = (params.in_h + params.stride_h - 1u - h) / params.stride_h;
    let columns = (params.in_w + params.stride_w - 1u - w) / params.stride_w;
    return Phase(h, w, rows, columns);
}

/// The row and column of y that a tap reaches from a target, less the target's own; `exists` is
/// false where it reaches none.
struct Tap {
    exists: bool,
    h: i32,
    w: i32,
}

fn tap_of(phase: Phase, a: u32, b: u32) -> Tap {
    let h = i32(phase.h + params.pad_top) - i32(a * params.dilation_h);
    let w = i32(phase.w + params.pad_left) - i32(b * params.dilation_w);
    let stride = vec2i(i32(params.stride_h), i32(params.stride_w));
    return Tap(h % stride.x == 0 && w % stride.y == 0, h / stride.x, w / stride.y);
}
// </lib>

// <lib conv2d_target>
/// Four pixels of a phase; those beyond the last have a view beyond the last.
struct Target {
    view: vec4u,
    row: vec4u,
    column: vec4u,
}

fn target_of(phase: Phase, pixel: vec4u) -> Target {
    let view = pixel / (phase.rows * phase.columns);
    let rest = pixel - view * (phase.rows * phase.columns);
    let row = rest / phase.columns;
    return Target(view, row, rest - row * phase.columns);
}

/// Index in d_y of channel 0 of the pixel that a tap reaches from a target, 0 if there is none.
struct Reached {
    exists: vec4<bool>,
    at: vec4u,
}

fn reached(by: Target, tap: Tap) -> Reached {
    let h = vec4u(vec4i(by.row) + tap.h); // negative ones wrap to beyond the end
    let w = vec4u(vec4i(by.column) + tap.w);
    let in_map = (h < vec4u(params.out_h)) & (w < vec4u(params.out_w));
    let exists = in_map & (by.view < vec4u(params.views));
    let at = ((by.view * params.out_h + h) * params.out_w + w) * params.out_c;
    return Reached(exists, select(vec4u(), at, exists));
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

// <lib product_vec4>
/// Adds four terms of one row x four columns to a tile.
fn add_row(tile: ptr<function, array<vec4f, 32>>, row: u32, terms: vec4f, columns: mat4x4f) {
    var sums = (*tile)[row];
    sums = fma(vec4f(terms.x), columns[0], sums);
    sums = fma(vec4f(terms.y), columns[1], sums);
    sums = fma(vec4f(terms.z), columns[2], sums);
    (*tile)[row] = fma(vec4f(terms.w), columns[3], sums);
}

/// Adds four terms of every fourth row x four columns: `terms` are those of row 4 lane + `first`.
fn add_rows(tile: ptr<function, array<vec4f, 32>>, first: u32, terms: vec4f, columns: mat4x4f) {
    let low = transpose(mat4x4f(lanes_0(terms.x), lanes_0(terms.y), lanes_0(terms.z), lanes_0(terms.w)));
    add_row(tile, first, low[0], columns);
    add_row(tile, first + 4u, low[1], columns);
    add_row(tile, first + 8u, low[2], columns);
    add_row(tile, first + 12u, low[3], columns);
    if (LANES > 4u) {
        let high = transpose(mat4x4f(lanes_4(terms.x), lanes_4(terms.y), lanes_4(terms.z), lanes_4(terms.w)));
        add_row(tile, first + 16u, high[0], columns);
        add_row(tile, first + 20u, high[1], columns);
        add_row(tile, first + 24u, high[2], columns);
        add_row(tile, first + 28u, high[3], columns);
    }
}

/// Adds four terms of the tile's rows x columns. A lane holds four rows, each with four terms, and
/// four terms, each with four columns.
fn add_product(tile: ptr<function, array<vec4f, 32>>, rows: mat4x4f, columns: mat4x4f) {
    add_rows(tile, 0u, rows[0], columns);
    add_rows(tile, 1u, rows[1], columns);
    add_rows(tile, 2u, rows[2], columns);
    add_rows(tile, 3u, rows[3], columns);
}
// </lib>

@compute @workgroup_size(LANES)
fn conv2d_grad_input_vec4(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let tiles = (params.group_c + 4u * LANES - 1u) / (4u * LANES);
    let parts = tiles * (params.in_c / params.group_c);
    let phases = params.stride_h * params.stride_w;
    let phase = phase_of(group.z / parts % phases);
    let slice = group.z / (parts * phases);
    let first_c = group.z % parts / tiles * params.group_c;
    let first_o = group.z % parts / tiles * params.group_o;
    let c = group.z % tiles * 4u * LANES + 4u * lane;
    let begin = first_o + slice * params.slice_o;
    let end = min(begin + params.slice_o, first_o + params.group_o);
    let most = min(PIXELS, 4u * LANES);
    let first = (group.x + group.y * groups.x) * most;
    let count = params.views * phase.rows * phase.columns;
    if (first >= count) {
        return; // the whole workgroup: this phase has fewer pixels than the first
    }
    // channels beyond the last compute the last again and are not stored; lanes from 8 on hold the
    // pixels of the first 8
    let aim = target_of(phase, first + 4u * (lane % 8u) + vec4u(0u, 1u, 2u, 3u));
    let taps = params.kernel_h * params.kernel_w;
    let apart = taps * params.group_c / 4u; // from channel to channel of weight, in vectors
    var tile: array<vec4f, 32>;
    for (var a = 0u; a < params.kernel_h; a++) {
        for (var b = 0u; b < params.kernel_w; b++) {
            let tap = tap_of(phase, a, b);
            if (!tap.exists) {
                continue; // for the whole workgroup
            }
            let source = reached(aim, tap);
            let exists = source.exists;
            let at_y = source.at / 4u;
            let tap_c = (a * params.kernel_w + b) * params.group_c + min(c, params.group_c - 4u);
            var at_w = begin * apart + tap_c / 4u;
            for (var o = begin / 4u; o < end / 4u; o++) {
                let weights = mat4x4f(
                    weight[at_w],
                    weight[at_w + apart],
                    weight[at_w + 2u * apart],
                    weight[at_w + 3u * apart],
                );
                let pixels = mat4x4f(
                    select(vec4f(), d_y[at_y.x + o], exists.x),
                    select(vec4f(), d_y[at_y.y + o], exists.y),
                    select(vec4f(), d_y[at_y.z + o], exists.z),
                    select(vec4f(), d_y[at_y.w + o], exists.w),
                );
                at_w += 4u * apart;
                add_product(&tile, pixels, weights);
            }
        }
    }
    if (c >= params.group_c) {
        return;
    }
    let channel = first_c + c;
    var start = vec4f();
    if (params.has_bias != 0u && slice == 0u) {
        start = vec4f(bias[channel], bias[channel + 1u], bias[channel + 2u], bias[channel + 3u]);
    }
    var sums = tile; // a copy, so that the tile itself is indexed by constants only
    // the pixels one after the other, because a division costs software adapters 100 instructions;
    // they begin and end where the compiler does not know, so that it does not unroll them
    var view = slice * params.views + first / (phase.rows * phase.columns);
    var row = first / phase.columns % phase.rows;
    var column = first % phase.columns;
    for (var i = first; i < min(first + most, count); i++) {
        let h = row * params.stride_h + phase.h;
        let w = column * params.stride_w + phase.w;
        let place = (view * params.in_h + h) * params.in_w + w;
        d_x[(place * params.in_c + channel) / 4u] = start + sums[i - first];
        column += 1u;
        if (column == phase.columns) {
            column = 0u;
            row += 1u;
        }
        if (row == phase.rows) {
            row = 0u;
            view += 1u;
        }
    }
}
