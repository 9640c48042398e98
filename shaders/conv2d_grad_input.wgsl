// conv2d_grad_input — gradient of conv2d by its input, an implicit product of matrices.
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
// Mapping  a workgroup of 16 x 16 owns 64 pixels x 64 channels of d_x, all of one phase (h mod s_h,
//          w mod s_w), so that a tap reaches all of them or none; an invocation 4 x 4, 16 apart, so
//          that neighbours store neighbours; d_y and weight pass through workgroup memory, 16
//          channels of a tap at a time; grid z = slice x phase x group x tile of channels
// Memory   each number of d_y is loaded KH KW C' / (64 s_h s_w) times, mostly from cache; bound by
//          arithmetic
// Source   elementary
// Twin     src/kernels/conv2d_grad_input.ts

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

override KERNEL_H: u32 = 0u; // 0: read at run time
override KERNEL_W: u32 = 0u;
override GROUP_C: u32 = 0u;
const SIDE: u32 = 16u; // tune: 16
const ROWS: u32 = 4u * SIDE;
// two words of padding a row: the 16 terms that a half-warp stores fall in 16 banks
const PITCH: u32 = ROWS + 2u;
var<workgroup> wg_y: array<f32, SIDE * PITCH>; // [o][pixel], 4.1 KiB
var<workgroup> wg_w: array<f32, SIDE * PITCH>; // [o][c], 4.1 KiB

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

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

/// Where d_y holds channel 0 of what a tap reaches from a target, 0 where that does not exist.
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

/// Four places SIDE apart
fn quarter(at: u32) -> vec4u { return at + vec4u(0u, SIDE, 2u * SIDE, 3u * SIDE); }

/// Channel o of four pixels of d_y, 0 beyond the slice
fn load_y(source: Reached, o: u32, end: u32) -> vec4f {
    let exists = source.exists & vec4<bool>(o < end);
    let at = select(vec4u(), source.at + o, exists);
    return select(vec4f(), vec4f(d_y[at.x], d_y[at.y], d_y[at.z], d_y[at.w]), exists);
}

/// Four channels c of the weights of channel o at a tap, 0 beyond the slice
fn load_w(o: u32, end: u32, tap: u32, c: vec4u) -> vec4f {
    let group_c = fixed_or(GROUP_C, params.group_c);
    let taps = fixed_or(KERNEL_H, params.kernel_h) * fixed_or(KERNEL_W, params.kernel_w);
    let exists = (c < vec4u(group_c)) & vec4<bool>(o < end);
    let at = select(vec4u(), (o * taps + tap) * group_c + c, exists);
    return select(vec4f(), vec4f(weight[at.x], weight[at.y], weight[at.z], weight[at.w]), exists);
}

/// Adds the product of wg_y and wg_w to an invocation's 4 x 4.
fn multiply(tile: ptr<function, array<vec4f, 4>>, lane: vec3u) {
    for (var term = 0u; term < SIDE; term++) {
        let at_y = term * PITCH + lane.y;
        let at_w = quarter(term * PITCH + lane.x);
        let columns = vec4f(wg_w[at_w.x], wg_w[at_w.y], wg_w[at_w.z], wg_w[at_w.w]);
        (*tile)[0] += wg_y[at_y] * columns;
        (*tile)[1] += wg_y[at_y + SIDE] * columns;
        (*tile)[2] += wg_y[at_y + 2u * SIDE] * columns;
        (*tile)[3] += wg_y[at_y + 3u * SIDE] * columns;
    }
}

// <lib conv2d_store_image>
/// Writes one channel of four pixels of a slice of d_x; the first slice brings the bias.
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

@compute @workgroup_size(SIDE, SIDE)
fn conv2d_grad_input(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) lane: vec3u,
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
    let first = (group.x + group.y * groups.x) * ROWS;
    if (first >= params.views * phase.rows * phase.columns) {
        return; // the whole workgroup: this phase has fewer pixels than the first
    }
    let aim = target_of(phase, quarter(first + lane.y));
    var tile: array<vec4f, 4>; // [pixel][channel]
    for (var a = 0u; a < fixed_or(KERNEL_H, params.kernel_h); a++) {
        for (var b = 0u; b < fixed_or(KERNEL_W, params.kernel_w); b++) {
            let tap = tap_of(phase, a, b);
            if (!tap.exists) {
                continue; // for the whole workgroup
            }
            let source = reached(aim, tap);
            for (var o = begin; o < end; o += SIDE) {
                let tap_index = a * fixed_or(KERNEL_W, params.kernel_w) + b;
                let staged_y = load_y(source, o + lane.x, end);
                let staged_w = load_w(o + lane.y, end, tap_index, quarter(row + lane.x));
                // all have read the terms before these
                workgroupBarrier();
                for (var i = 0u; i < 4u; i++) {
                    wg_y[lane.x * PITCH + lane.y + i * SIDE] = staged_y[i];
                    wg_w[lane.y * PITCH + lane.x + i * SIDE] = staged_w[i];
                }
                // wg_y and wg_w are full
                workgroupBarrier();
                multiply(&tile, lane);
            }
        }
    }
    let c = quarter(row + lane.x);
    for (var j = 0u; j < 4u; j++) {
        if (c[j] < params.group_c) {
            let sums = vec4f(tile[0][j], tile[1][j], tile[2][j], tile[3][j]);
            store(slice, phase, aim, first_c + c[j], sums);
        }
    }
}
