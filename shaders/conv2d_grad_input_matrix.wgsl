// conv2d_grad_input_matrix — conv2d_grad_input.wgsl on matrix units, with operands in f16.
//
//   d_x[v, h, w, g C' + c] = bias[g C' + c] + sum_{a, b, o} f16(d_y[v, i, j, o]) f16(weight[o, a, b, c])
//   over the taps and pixels with h = i s_h - p_t + a d_h,  w = j s_w - p_l + b d_w
//
//   the products are added up in f32
//   stride s, padding p, dilation d, C' = C / groups, o over the channels of group g; the bias is
//   that of the transposed convolution, which is this very sum
//
// Layout   d_y [V, OH, OW, O]; weight [O, KH, KW, C']; bias [C] or absent; d_x [slices, V, H, W,
//          C]: the sum over o is cut into slices, which the caller adds up in order; the first
//          brings the bias
// Mapping  a workgroup of DOWN x ACROSS subgroups owns BM pixels x BN channels of d_x, all of one
//          phase (h mod s_h, w mod s_w), so that a tap reaches all of them or none, each subgroup
//          TM x TN matrices of it; d_y and weight are rounded while they pass through workgroup
//          memory, BK channels of a tap at a time, with zeros beyond the edges; grid z = slice x
//          phase x group x tile of channels
// Memory   each number of d_y is loaded KH KW C' / (BN s_h s_w) times, mostly from cache; a number
//          beyond 65504 becomes infinite
// Source   elementary
// Twin     src/kernels/convolution/conv2d_grad_input.ts

enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;

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
// <lib matrix_tile>
const LANES: u32 = 8u; // adapter: 4 8 16 32 64
const MATRIX_M: u32 = 8u; // adapter: 8 16
const MATRIX_N: u32 = 8u; // adapter: 8 16
const MATRIX_K: u32 = 8u; // adapter: 8 16
// subgroups of a workgroup, and matrices of each
const DOWN: u32 = 2u; // tune: 1 2 4
const ACROSS: u32 = 2u; // tune: 1 2 4
const TM: u32 = 2u; // tune: 1 2 4
const TN: u32 = 2u; // tune: 1 2 4
const BK: u32 = 16u; // tune: 16 32
const BM: u32 = DOWN * TM * MATRIX_M;
const BN: u32 = ACROSS * TN * MATRIX_N;
const WG: u32 = LANES * DOWN * ACROSS;
const MATRIX: u32 = MATRIX_M * MATRIX_N;
// 16 bytes of padding per row, so that the rows of a matrix do not sit in one bank
const PITCH_A: u32 = BK + 8u;
const PITCH_B: u32 = BN + 8u;
var<workgroup> wg_a: array<f16, BM * PITCH_A>; // [row][k], 3 KiB for matrices of 16
var<workgroup> wg_b: array<f16, BK * PITCH_B>; // [k][column], 2.3 KiB
var<workgroup> wg_y: array<f32, DOWN * ACROSS * MATRIX>; // one matrix per subgroup, 4 KiB

alias Left = subgroup_matrix_left<f16, MATRIX_K, MATRIX_M>;
alias Right = subgroup_matrix_right<f16, MATRIX_N, MATRIX_K>;
alias Sum = subgroup_matrix_result<f32, MATRIX_N, MATRIX_M>;

/// Adds the product of wg_a and wg_b to the TM x TN matrices of a subgroup.
fn multiply(sum: ptr<function, array<Sum, TM * TN>>, subgroup: u32) {
    let row = subgroup / ACROSS * TM * MATRIX_M;
    let col = subgroup % ACROSS * TN * MATRIX_N;
    for (var term = 0u; term < BK; term += MATRIX_K) {
        var right: array<Right, TN>;
        for (var j = 0u; j < TN; j++) {
            let at = term * PITCH_B + col + j * MATRIX_N;
            right[j] = subgroupMatrixLoad<Right, row_major>(&wg_b, at, PITCH_B);
        }
        for (var i = 0u; i < TM; i++) {
            let at = (row + i * MATRIX_M) * PITCH_A + term;
            let left = subgroupMatrixLoad<Left, row_major>(&wg_a, at, PITCH_A);
            for (var j = 0u; j < TN; j++) {
                let before = (*sum)[i * TN + j];
                (*sum)[i * TN + j] = subgroupMatrixMultiplyAccumulate(left, right[j], before);
            }
        }
    }
}

/// The row and column in the workgroup's tile of an element of wg_y, which holds matrix (i, j) of
/// every subgroup.
fn element_of(e: u32, i: u32, j: u32) -> vec2u {
    let owner = e / MATRIX;
    return vec2u((owner / ACROSS * TM + i) * MATRIX_M + e % MATRIX / MATRIX_N,
        (owner % ACROSS * TN + j) * MATRIX_N + e % MATRIX_N);
}
// </lib>

var<workgroup> wg_aim: array<Target, BM>; // each pixel

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

/// Where d_x holds channel 0 of a target
fn place_of(slice: u32, phase: Phase, pixel: Target) -> u32 {
    let h = pixel.row * params.stride_h + phase.h;
    let w = pixel.column * params.stride_w + phase.w;
    let view = slice * params.views + pixel.view;
    return ((view * params.in_h + h) * params.in_w + w) * params.in_c;
}

/// Fills wg_a and wg_b with BK channels of a tap, in f16; neighbours load neighbouring channels.
fn stage(tap: Tap, tap_index: u32, o: u32, end: u32, row: u32, lane: u32) {
    for (var e = lane; e < BK * BM; e += WG) {
        let source = reached(wg_aim[e / BK], tap);
        wg_a[e / BK * PITCH_A + e % BK] = f16(load_y(source, o + e % BK, end));
    }
    for (var e = lane; e < BK * BN; e += WG) {
        wg_b[e / BN * PITCH_B + e % BN] = f16(load_w(o + e / BN, end, tap_index, row + e % BN));
    }
}

@compute @workgroup_size(WG)
fn conv2d_grad_input_matrix(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_id) subgroup: u32,
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
    for (var i = lane; i < BM; i += WG) {
        wg_aim[i] = target_of(phase, first + i);
    }
    // wg_aim is full
    workgroupBarrier();
    var sum: array<Sum, TM * TN>; // [pixel][channel]
    for (var a = 0u; a < fixed_or(KERNEL_H, params.kernel_h); a++) {
        for (var b = 0u; b < fixed_or(KERNEL_W, params.kernel_w); b++) {
            let tap = tap_of(phase, a, b);
            if (!tap.exists) {
                continue; // for the whole workgroup
            }
            let tap_index = a * fixed_or(KERNEL_W, params.kernel_w) + b;
            for (var o = begin; o < end; o += BK) {
                stage(tap, tap_index, o, end, row, lane);
                // wg_a and wg_b are full
                workgroupBarrier();
                multiply(&sum, subgroup);
                // all have read wg_a and wg_b, the next turn may overwrite them
                workgroupBarrier();
            }
        }
    }
    for (var i = 0u; i < TM; i++) {
        for (var j = 0u; j < TN; j++) {
            let matrix = sum[i * TN + j];
            subgroupMatrixStore<row_major>(&wg_y, subgroup * MATRIX, matrix, MATRIX_N);
            // wg_y holds a matrix of every subgroup
            workgroupBarrier();
            for (var e = lane; e < DOWN * ACROSS * MATRIX; e += WG) {
                let element = element_of(e, i, j);
                let aim = wg_aim[element.x];
                let c = row + element.y;
                if (aim.view < params.views && c < params.group_c) {
                    // the first slice brings the bias
                    var start = 0.0;
                    if (params.has_bias != 0u && slice == 0u) {
                        start = bias[first_c + c];
                    }
                    d_x[place_of(slice, phase, aim) + first_c + c] = start + wg_y[e];
                }
            }
            // all have read wg_y
            workgroupBarrier();
        }
    }
}
