// conv2d_grad_input_register — conv2d_grad_input.wgsl using only registers: no subgroups.
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
// Mapping  an invocation owns 4 pixels x 16 channels of d_x; the pixels of a workgroup are all of
//          one phase (h mod s_h, w mod s_w), so that a tap reaches all of them or none; grid z =
//          slice x phase x group x tile of channels
// Memory   20 loads for 64 fma; for software adapters, where barriers are expensive
// Source   elementary
// Twin     src/kernels/convolution/conv2d_grad_input.ts

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

override WG: u32 = 8u; // invocations per workgroup
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

@compute @workgroup_size(WG)
fn conv2d_grad_input_register(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
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
    let first = (group.x + group.y * groups.x) * WG * 4u;
    if (first >= params.views * phase.rows * phase.columns) {
        return; // the whole workgroup: this phase has fewer pixels than the first
    }
    let aim = target_of(phase, first + lane * 4u + vec4u(0u, 1u, 2u, 3u));
    // rows beyond the last channel compute it again and are not stored
    let last = vec4u(params.group_c - 1u);
    let rows_a = min(row + vec4u(0u, 1u, 2u, 3u), last);
    let rows_b = min(row + vec4u(4u, 5u, 6u, 7u), last);
    let rows_c = min(row + vec4u(8u, 9u, 10u, 11u), last);
    let rows_d = min(row + vec4u(12u, 13u, 14u, 15u), last);
    let taps = params.kernel_h * params.kernel_w;
    var tile: array<vec4f, ROWS>; // indexed by constants only, so that it stays in registers
    for (var a = 0u; a < params.kernel_h; a++) {
        for (var b = 0u; b < params.kernel_w; b++) {
            let tap = tap_of(phase, a, b);
            if (!tap.exists) {
                continue; // for the whole workgroup
            }
            let source = reached(aim, tap);
            var at_w = (begin * taps + a * params.kernel_w + b) * params.group_c;
            for (var o = begin; o < end; o++) {
                let at = source.at + o;
                let loaded = vec4f(d_y[at.x], d_y[at.y], d_y[at.z], d_y[at.w]);
                let columns = select(vec4f(), loaded, source.exists);
                tile[0] += weight[at_w + rows_a.x] * columns;
                tile[1] += weight[at_w + rows_a.y] * columns;
                tile[2] += weight[at_w + rows_a.z] * columns;
                tile[3] += weight[at_w + rows_a.w] * columns;
                tile[4] += weight[at_w + rows_b.x] * columns;
                tile[5] += weight[at_w + rows_b.y] * columns;
                tile[6] += weight[at_w + rows_b.z] * columns;
                tile[7] += weight[at_w + rows_b.w] * columns;
                tile[8] += weight[at_w + rows_c.x] * columns;
                tile[9] += weight[at_w + rows_c.y] * columns;
                tile[10] += weight[at_w + rows_c.z] * columns;
                tile[11] += weight[at_w + rows_c.w] * columns;
                tile[12] += weight[at_w + rows_d.x] * columns;
                tile[13] += weight[at_w + rows_d.y] * columns;
                tile[14] += weight[at_w + rows_d.z] * columns;
                tile[15] += weight[at_w + rows_d.w] * columns;
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
