// conv2d_matrix — conv2d.wgsl on the matrix units of subgroups, with operands rounded to f16.
//
//   y[v, i, j, o] = bias[o] + sum_{a, b, c} f16(x[v, h, w, g C' + c]) f16(weight[o, a, b, c])
//   h = i s_h - p_t + a d_h,  w = j s_w - p_l + b d_w
//
//   the products are added up in f32
//   stride s, padding p, dilation d, C' = C / groups, g the group of o; x is 0 outside the image
//
// Layout   x [V, H, W, C]; weight [O, KH, KW, C']; bias [O] or absent; y [slices, V, OH, OW, O]:
//          the sum over c is cut into slices, which the caller adds up in order; the first brings
//          the bias
// Mapping  a workgroup of DOWN x ACROSS subgroups owns BM pixels x BN channels of y, each subgroup
//          TM x TN matrices of it; x and weight are rounded while they pass through workgroup
//          memory, BK terms (a, b, c) at a time, with zeros beyond the edges; grid z = slice x
//          group x tile of channels
// Memory   each number of x is loaded KH KW O' / BN times, mostly from cache; a number beyond 65504
//          becomes infinite
// Source   elementary
// Twin     src/kernels/convolution/conv2d.ts

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
    slice_c: u32,  // channels of a group in one slice of the sum
    has_bias: u32, // 0 or 1
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

override OUT_H: u32 = 0u; // 0: read at run time
override OUT_W: u32 = 0u;
override KERNEL_H: u32 = 0u;
override KERNEL_W: u32 = 0u;
override SLICE_C: u32 = 0u;
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

var<workgroup> wg_source: array<Source, BM>; // of each pixel

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

/// Where the taps of a pixel of y fall: the first row of its view, the row and column of the first
/// tap.
struct Source {
    line: u32,
    top: i32,
    left: i32,
}

/// The source of a pixel of y; one beyond the last has all its taps outside the image.
fn source_of(pixel: u32) -> Source {
    let out_w = fixed_or(OUT_W, params.out_w);
    let image = fixed_or(OUT_H, params.out_h) * out_w;
    let view = pixel / image;
    let rest = pixel - view * image;
    let row = rest / out_w;
    let top = i32(row * params.stride_h) - i32(params.pad_top);
    let left = i32((rest - row * out_w) * params.stride_w) - i32(params.pad_left);
    let line = view * params.in_h;
    return Source(line, select(top, -0x40000000, view >= params.views), left);
}

/// A term of the sum: a tap, how far it is from the first, and a channel of the group, one beyond
/// the last where there is no such term.
struct Term {
    tap: u32,
    h: i32,
    w: i32,
    c: u32,
}

fn term_of(slice: u32, k: u32) -> Term {
    let slice_c = fixed_or(SLICE_C, params.slice_c);
    let kernel_w = fixed_or(KERNEL_W, params.kernel_w);
    let taps = fixed_or(KERNEL_H, params.kernel_h) * kernel_w;
    let tap = k / slice_c;
    let h = i32(tap / kernel_w * params.dilation_h);
    let w = i32(tap % kernel_w * params.dilation_w);
    let c = slice * slice_c + k % slice_c;
    return Term(tap, h, w, select(params.group_c, c, k < taps * slice_c));
}

/// A term of a pixel, 0 outside the image and beyond the sum
fn load_x(source: Source, first_c: u32, term: Term) -> f32 {
    let h = u32(source.top + term.h); // negative ones wrap to beyond the end
    let w = u32(source.left + term.w);
    let exists = h < params.in_h && w < params.in_w && term.c < params.group_c;
    let at = ((source.line + h) * params.in_w + w) * params.in_c + first_c + term.c;
    return select(0.0, x[select(0u, at, exists)], exists);
}

/// A term of a channel's weights, 0 beyond the group and the sum
fn load_w(first_o: u32, row: u32, term: Term) -> f32 {
    let taps = fixed_or(KERNEL_H, params.kernel_h) * fixed_or(KERNEL_W, params.kernel_w);
    let exists = row < params.group_o && term.c < params.group_c;
    let at = ((first_o + row) * taps + term.tap) * params.group_c + term.c;
    return select(0.0, weight[select(0u, at, exists)], exists);
}

/// Fills wg_a and wg_b with BK terms from `k` on, in f16; neighbours load neighbouring terms.
fn stage(slice: u32, k: u32, first: vec2u, row: u32, lane: u32) {
    for (var e = lane; e < BK * max(BM, BN); e += WG) {
        let term = term_of(slice, k + e % BK);
        let other = e / BK;
        if (other < BM) {
            wg_a[other * PITCH_A + e % BK] = f16(load_x(wg_source[other], first.y, term));
        }
        if (other < BN) {
            wg_b[e % BK * PITCH_B + other] = f16(load_w(first.x, row + other, term));
        }
    }
}

@compute @workgroup_size(WG)
fn conv2d_matrix(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_id) subgroup: u32,
) {
    let tiles = (params.group_o + BN - 1u) / BN;
    let parts = tiles * (params.out_c / params.group_o);
    let slice = group.z / parts;
    let first_o = group.z % parts / tiles * params.group_o;
    let first_c = group.z % parts / tiles * params.group_c;
    let row = group.z % tiles * BN;
    let pixel = (group.x + group.y * groups.x) * BM;
    for (var i = lane; i < BM; i += WG) {
        wg_source[i] = source_of(pixel + i);
    }
    // wg_source is full
    workgroupBarrier();
    let terms = fixed_or(KERNEL_H, params.kernel_h) * fixed_or(KERNEL_W, params.kernel_w)
        * fixed_or(SLICE_C, params.slice_c);
    var sum: array<Sum, TM * TN>; // [pixel][channel]
    for (var k = 0u; k < terms; k += BK) {
        stage(slice, k, vec2u(first_o, first_c), row, lane);
        // wg_a and wg_b are full
        workgroupBarrier();
        multiply(&sum, subgroup);
        // all have read wg_a and wg_b, the next turn may overwrite them
        workgroupBarrier();
    }
    let pixels = params.views * params.out_h * params.out_w;
    for (var i = 0u; i < TM; i++) {
        for (var j = 0u; j < TN; j++) {
            let matrix = sum[i * TN + j];
            subgroupMatrixStore<row_major>(&wg_y, subgroup * MATRIX, matrix, MATRIX_N);
            // wg_y holds a matrix of every subgroup
            workgroupBarrier();
            for (var e = lane; e < DOWN * ACROSS * MATRIX; e += WG) {
                let element = element_of(e, i, j);
                let at = pixel + element.x;
                let o = row + element.y;
                if (at < pixels && o < params.group_o) {
                    // the first slice brings the bias
                    var start = 0.0;
                    if (params.has_bias != 0u && slice == 0u) {
                        start = bias[first_o + o];
                    }
                    y[(slice * pixels + at) * params.out_c + first_o + o] = start + wg_y[e];
                }
            }
            // all have read wg_y
            workgroupBarrier();
        }
    }
}
