// conv2d_grad_input_subgroup — conv2d_grad_input.wgsl with one subgroup per workgroup.
//
//   d_x[v, h, w, g C' + c] = bias[g C' + c] + sum_{a, b, o} d_y[v, i, j, o] weight[o, a, b, c]
//   over the taps and pixels with h = i s_h - p_t + a d_h,  w = j s_w - p_l + b d_w
//
//   stride s, padding p, dilation d, C' = C / groups, o over the channels of group g; the bias is
//   that of the transposed convolution, which is this very sum
//
// Layout   d_y [V, OH, OW, O]; weight [O, KH, KW, C']; bias [C] or absent; d_x [slices, V, H, W,
//          C]: the sum over o is cut into slices, which the caller adds up in order; the first
//          brings the bias
// Mapping  a workgroup owns 4 LANES pixels x 16 channels of d_x, all of one phase (h mod s_h, w mod
//          s_w), so that a tap reaches all of them or none; each invocation owns 4 pixels of all 16
//          channels; per term it loads its 4 numbers of d_y and 4, 2 or 1 of the 16 weights (at 4,
//          8 or more lanes), and takes the others from its neighbours by broadcasts; grid z = slice x
//          phase x group x tile of channels
// Memory   8 loads for 64 fma at 4 lanes, 6 at 8, 5 from 16 on; for software adapters, where a load
//          costs 8 fma and a broadcast 1
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
@group(0) @binding(1) var<storage, read> d_y: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> d_x: array<f32>;

override LANES: u32 = 8u; // of a subgroup: 4 to 64; the workgroup is exactly one
const ROWS: u32 = 16u; // tune: 16

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

// <lib outer_subgroup>
/// Adds rows x columns to a tile: row r lies in lane r mod LANES, in part r / LANES of its four;
/// the columns are the lane's own.
fn outer(tile: ptr<function, array<vec4f, 16>>, rows: vec4f, columns: vec4f) {
    add_rows(tile, 0u, lanes_0(rows.x), columns);
    if (LANES == 4u) {
        add_rows(tile, 4u, lanes_0(rows.y), columns);
        add_rows(tile, 8u, lanes_0(rows.z), columns);
        add_rows(tile, 12u, lanes_0(rows.w), columns);
    } else if (LANES == 8u) {
        add_rows(tile, 4u, lanes_4(rows.x), columns);
        add_rows(tile, 8u, lanes_0(rows.y), columns);
        add_rows(tile, 12u, lanes_4(rows.y), columns);
    } else {
        add_rows(tile, 4u, lanes_4(rows.x), columns);
        add_rows(tile, 8u, lanes_8(rows.x), columns);
        add_rows(tile, 12u, lanes_12(rows.x), columns);
    }
}

/// Adds four rows x columns to a tile, from row `first` on.
fn add_rows(tile: ptr<function, array<vec4f, 16>>, first: u32, rows: vec4f, columns: vec4f) {
    (*tile)[first] = fma(vec4f(rows.x), columns, (*tile)[first]);
    (*tile)[first + 1u] = fma(vec4f(rows.y), columns, (*tile)[first + 1u]);
    (*tile)[first + 2u] = fma(vec4f(rows.z), columns, (*tile)[first + 2u]);
    (*tile)[first + 3u] = fma(vec4f(rows.w), columns, (*tile)[first + 3u]);
}
// </lib>

// <lib conv2d_store_image>
/// Writes one channel of four pixels of a slice of d_x; the first slice adds the bias.
fn store(slice: u32, phase: Phase, pixel: Target, channel: u32, sums: vec4f) {
    var start = 0.0;
    if (params.has_bias != 0u && slice == 0u) {
        start = bias[channel];
    }
    let h = pixel.row * params.stride_h + phase.h;
    let w = pixel.column * params.stride_w + phase.w;
    let view = slice * params.views + pixel.view;
    let at = ((view * params.in_h + h) * params.in_w + w) * params.in_c + channel;
    for (var j = 0u; j < 4u; j++) {
        if (pixel.view[j] < params.views) {
            d_x[at[j]] = start + sums[j];
        }
    }
}
// </lib>

@compute @workgroup_size(LANES)
fn conv2d_grad_input_subgroup(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let tiles = (params.group_c + ROWS - 1u) / ROWS;
    let parts = tiles * (params.in_c / params.group_c);
    let phases = params.stride_h * params.stride_w;
    let phase = phase_of(group.z / parts % phases);
    let slice = group.z / (parts * phases);
    let part = group.z % parts;
    let first_c = part / tiles * params.group_c;
    let first_o = part / tiles * params.group_o;
    let row = part % tiles * ROWS;
    let begin = first_o + slice * params.slice_o;
    let end = min(begin + params.slice_o, first_o + params.group_o);
    let first = (group.x + group.y * groups.x) * LANES * 4u;
    if (first >= params.views * phase.rows * phase.columns) {
        return; // the whole workgroup: this phase has fewer pixels than the first
    }
    let aim = target_of(phase, first + lane * 4u + vec4u(0u, 1u, 2u, 3u));
    // rows beyond the last channel compute it again and are not stored
    let rows = min(row + rows_of(lane), vec4u(params.group_c - 1u));
    let taps = params.kernel_h * params.kernel_w;
    var tile: array<vec4f, ROWS>; // indexed by constants only, so that it stays in registers
    for (var a = 0u; a < params.kernel_h; a++) {
        for (var b = 0u; b < params.kernel_w; b++) {
            let tap = tap_of(phase, a, b);
            if (!tap.exists) {
                continue; // for the whole workgroup
            }
            let source = reached(aim, tap);
            var at_w = (begin * taps + a * params.kernel_w + b) * params.group_c + rows;
            for (var o = begin; o < end; o++) {
                let at = source.at + o;
                let columns = vec4f(d_y[at.x], d_y[at.y], d_y[at.z], d_y[at.w]);
                let kept = select(vec4f(), columns, source.exists);
                var weights = vec4f(weight[at_w.x], 0.0, 0.0, 0.0);
                if (LANES < 16u) {
                    weights.y = weight[at_w.y];
                }
                if (LANES < 8u) {
                    weights.z = weight[at_w.z];
                    weights.w = weight[at_w.w];
                }
                outer(&tile, weights, kept);
                at_w += taps * params.group_c;
            }
        }
    }
    for (var r = 0u; r < ROWS; r++) {
        if (row + r < params.group_c) {
            store(slice, phase, aim, first_c + row + r, tile[r]);
        }
    }
}
