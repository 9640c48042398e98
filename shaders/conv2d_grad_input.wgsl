// conv2d_grad_input — gradient of conv2d with respect to its input, an implicit matrix product.
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
// Mapping  a workgroup of SIDE x SIDE owns BM pixels x BN channels of d_x, all of one phase (h mod
//          s_h, w mod s_w), so that a tap reaches all of them or none; each invocation owns TM x TN
//          of them, SIDE apart, so that neighbours store neighbours; d_y and weight pass through
//          workgroup memory, BK channels of a tap at a time; grid z = slice x phase x group x tile
//          of channels
// Memory   each number of d_y is loaded KH KW C' / (BN s_h s_w) times, mostly from cache; bound by
//          arithmetic
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

override KERNEL_H: u32 = 0u; // 0: read at run time
override KERNEL_W: u32 = 0u;
override GROUP_C: u32 = 0u;
// the workgroup is SIDE x SIDE
const SIDE: u32 = 16u; // tune: 8 16
const TM: u32 = 4u; // tune: 1 2 4 8
const TN: u32 = 4u; // tune: 1 2 4
const BK: u32 = 16u; // tune: 8 16
const BM: u32 = SIDE * TM;
const BN: u32 = SIDE * TN;
// an invocation loads one term of every APART_Y-th pixel of d_y, and one channel of every
// APART_W-th term of weight
const APART_Y: u32 = SIDE * SIDE / BK;
const APART_W: u32 = SIDE * SIDE / BN;
const LOADS_Y: u32 = (BM + APART_Y - 1u) / APART_Y;
const LOADS_W: u32 = (BK + APART_W - 1u) / APART_W;
// padded rows: the BK terms that neighbours store fall in different banks
const PITCH: u32 = BM + 32u / BK;
var<workgroup> wg_y: array<f32, BK * PITCH>; // [o][pixel], 4.1 KiB
var<workgroup> wg_w: array<f32, BK * BN>; // [o][c], 4 KiB

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

/// A pixel of a phase; one beyond the last has a view beyond the last.
struct Target {
    view: u32,
    row: u32,
    column: u32,
}

fn target_of(phase: Phase, pixel: u32) -> Target {
    let view = pixel / (phase.rows * phase.columns);
    let rest = pixel - view * (phase.rows * phase.columns);
    let row = rest / phase.columns;
    return Target(view, row, rest - row * phase.columns);
}

const NOWHERE: u32 = 0xffffffffu;

/// Index in d_y of channel 0 of the pixel that a tap reaches from a target; NOWHERE for none.
fn reached(by: Target, tap: Tap) -> u32 {
    let h = u32(i32(by.row) + tap.h); // negative ones wrap to beyond the end
    let w = u32(i32(by.column) + tap.w);
    let exists = h < params.out_h && w < params.out_w && by.view < params.views;
    let at = ((by.view * params.out_h + h) * params.out_w + w) * params.out_c;
    return select(NOWHERE, at, exists);
}

/// Channel o of d_y at a pixel that begins at `source`, 0 beyond the slice
fn load_y(source: u32, o: u32, end: u32) -> f32 {
    let exists = source != NOWHERE && o < end;
    return select(0.0, d_y[select(0u, source + o, exists)], exists);
}

/// Channel c of the weights of channel o at a tap, 0 beyond the slice and the group
fn load_w(o: u32, end: u32, tap: u32, c: u32) -> f32 {
    let group_c = fixed_or(GROUP_C, params.group_c);
    let taps = fixed_or(KERNEL_H, params.kernel_h) * fixed_or(KERNEL_W, params.kernel_w);
    let exists = c < group_c && o < end;
    return select(0.0, weight[select(0u, (o * taps + tap) * group_c + c, exists)], exists);
}

/// Adds the product of wg_y and wg_w to the invocation's TM x TN.
fn multiply(sum: ptr<function, array<f32, TM * TN>>, id: vec3u) {
    for (var term = 0u; term < BK; term++) {
        var columns: array<f32, TN>;
        for (var j = 0u; j < TN; j++) {
            columns[j] = wg_w[term * BN + id.x + j * SIDE];
        }
        for (var i = 0u; i < TM; i++) {
            let left = wg_y[term * PITCH + id.y + i * SIDE];
            for (var j = 0u; j < TN; j++) {
                (*sum)[i * TN + j] += left * columns[j];
            }
        }
    }
}

/// Where d_x holds channel 0 of a target
fn place_of(slice: u32, phase: Phase, pixel: Target) -> u32 {
    let h = pixel.row * params.stride_h + phase.h;
    let w = pixel.column * params.stride_w + phase.w;
    let view = slice * params.views + pixel.view;
    return ((view * params.in_h + h) * params.in_w + w) * params.in_c;
}

@compute @workgroup_size(SIDE, SIDE)
fn conv2d_grad_input(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) id: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let tiles = (params.group_c + BN - 1u) / BN;
    let parts = tiles * (params.in_c / params.group_c);
    let phases = params.stride_h * params.stride_w;
    let phase = phase_of(group.z / parts % phases);
    let slice = group.z / (parts * phases);
    let part = group.z % parts;
    let first_c = part / tiles * params.group_c;
    let first_o = part / tiles * params.group_o;
    let row = part % tiles * BN;
    let begin = first_o + slice * params.slice_o;
    let end = min(begin + params.slice_o, first_o + params.group_o);
    let first = (group.x + group.y * groups.x) * BM;
    if (first >= params.views * phase.rows * phase.columns) {
        return; // the whole workgroup: this phase has fewer pixels than the first
    }
    let pixel = lane / BK; // the first that this invocation loads
    let term = lane / BN;
    var aims: array<Target, LOADS_Y>;
    for (var i = 0u; i < LOADS_Y; i++) {
        aims[i] = target_of(phase, first + pixel + i * APART_Y);
    }
    var sum: array<f32, TM * TN>; // [pixel][channel]
    for (var a = 0u; a < fixed_or(KERNEL_H, params.kernel_h); a++) {
        for (var b = 0u; b < fixed_or(KERNEL_W, params.kernel_w); b++) {
            let tap = tap_of(phase, a, b);
            if (!tap.exists) {
                continue; // for the whole workgroup
            }
            let tap_index = a * fixed_or(KERNEL_W, params.kernel_w) + b;
            var sources: array<u32, LOADS_Y>;
            for (var i = 0u; i < LOADS_Y; i++) {
                sources[i] = reached(aims[i], tap);
            }
            for (var o = begin; o < end; o += BK) {
                var staged_y: array<f32, LOADS_Y>;
                for (var i = 0u; i < LOADS_Y; i++) {
                    staged_y[i] = load_y(sources[i], o + lane % BK, end);
                }
                var staged_w: array<f32, LOADS_W>;
                for (var i = 0u; i < LOADS_W; i++) {
                    staged_w[i] = load_w(o + term + i * APART_W, end, tap_index, row + lane % BN);
                }
                // all have read the terms before these
                workgroupBarrier();
                for (var i = 0u; i < LOADS_Y; i++) {
                    if (pixel + i * APART_Y < BM) {
                        wg_y[lane % BK * PITCH + pixel + i * APART_Y] = staged_y[i];
                    }
                }
                for (var i = 0u; i < LOADS_W; i++) {
                    if (term + i * APART_W < BK) {
                        wg_w[(term + i * APART_W) * BN + lane % BN] = staged_w[i];
                    }
                }
                // wg_y and wg_w are full
                workgroupBarrier();
                multiply(&sum, id);
            }
        }
    }
    for (var i = 0u; i < TM; i++) {
        let aim = target_of(phase, first + id.y + i * SIDE);
        if (aim.view >= params.views) {
            continue;
        }
        let place = place_of(slice, phase, aim) + first_c;
        for (var j = 0u; j < TN; j++) {
            let c = row + id.x + j * SIDE;
            if (c < params.group_c) {
                // the first slice brings the bias
                var start = 0.0;
                if (params.has_bias != 0u && slice == 0u) {
                    start = bias[first_c + c];
                }
                d_x[place + c] = start + sum[i * TN + j];
            }
        }
    }
}
