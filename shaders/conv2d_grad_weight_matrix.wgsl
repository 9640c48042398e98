// conv2d_grad_weight_matrix — conv2d_grad_weight.wgsl on matrix units, with operands in f16.
//
//   partials[s, o, a, b, c] = sum_{v, i, j} f16(d_y[v, i, j, o]) f16(x[v, h, w, g C' + c])
//   h = i s_h - p_t + a d_h,  w = j s_w - p_l + b d_w,  over the pixels (v, i, j) of slice s
//
//   the products are added up in f32
//   stride s, padding p, dilation d, C' = C / groups, g the group of o; x is 0 outside the image
//
// Layout   x [V, H, W, C]; d_y [V, OH, OW, O]; partials [slabs, O, KH, KW, C']; slice s holds rows
//          s R to s R + R - 1 of the V OH rows of y; column_sum adds the slices up in order
// Mapping  a workgroup of DOWN x ACROSS subgroups owns BM channels o x BN terms (a, b, c) of one
//          slice, each subgroup TM x TN matrices of it; d_y and x are rounded while they pass
//          through workgroup memory, BK pixels at a time, with zeros beyond the edges; grid: x
//          tiles of terms, y groups x tiles of channels, z slices
// Memory   d_y is loaded KH KW C' / BN times, x KH KW O' / BM times, mostly from cache; slices fill
//          the GPU where the weight is small; a number beyond 65504 becomes infinite
// Source   elementary
// Twin     src/kernels/convolution/conv2d_grad_weight.ts

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
    slab_rows: u32, // rows of y (all views') in a slice
    slabs: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> d_y: array<f32>;
@group(0) @binding(3) var<storage, read_write> partials: array<f32>;

override GROUP_C: u32 = 0u; // 0: read at run time
override KERNEL_W: u32 = 0u;
override OUT_H: u32 = 0u;
override OUT_W: u32 = 0u;
override STRIDE_H: u32 = 0u;
override STRIDE_W: u32 = 0u;
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

var<workgroup> wg_term: array<Term, BN>; // of each column

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

/// Where a term (a, b, c) of the weight sits on the image, for the pixel of y at (0, 0).
struct Term {
    h: i32,
    w: i32,
    c: u32,
    exists: bool,
}

fn term_of(n: u32) -> Term {
    let group_c = fixed_or(GROUP_C, params.group_c);
    let kernel_w = fixed_or(KERNEL_W, params.kernel_w);
    let tap = n / group_c;
    let a = tap / kernel_w;
    let h = i32(a * params.dilation_h) - i32(params.pad_top);
    let w = i32((tap - a * kernel_w) * params.dilation_w) - i32(params.pad_left);
    return Term(h, w, n - tap * group_c, a < params.kernel_h);
}

/// A pixel of y on the image: the first row of its view, and what its first tap sees but for the
/// padding; `exists` is false beyond the slice.
struct Pixel {
    exists: bool,
    line: u32,
    top: i32,
    left: i32,
}

fn pixel_of(index: u32, end: u32) -> Pixel {
    let out_w = fixed_or(OUT_W, params.out_w);
    let out_h = fixed_or(OUT_H, params.out_h);
    let top = i32(index / out_w % out_h * fixed_or(STRIDE_H, params.stride_h));
    let left = i32(index % out_w * fixed_or(STRIDE_W, params.stride_w));
    return Pixel(index < end, index / (out_w * out_h) * params.in_h, top, left);
}

/// A channel of d_y at a pixel, 0 beyond the slice and the group
fn load_y(index: u32, end: u32, first_o: u32, o: u32) -> f32 {
    let exists = o < params.group_o && index < end;
    return select(0.0, d_y[select(0u, index * params.out_c + first_o + o, exists)], exists);
}

/// The value of the image under a term at a pixel, 0 outside it and beyond the slice
fn load_x(pixel: Pixel, first_c: u32, term: Term) -> f32 {
    let h = u32(pixel.top + term.h); // negative ones wrap to beyond the end
    let w = u32(pixel.left + term.w);
    let exists = h < params.in_h && w < params.in_w && term.exists && pixel.exists;
    let at = ((pixel.line + h) * params.in_w + w) * params.in_c + first_c + term.c;
    return select(0.0, x[select(0u, at, exists)], exists);
}

/// Fills wg_a and wg_b with BK pixels from `begin` on, in f16; neighbours load neighbouring channels.
fn stage(begin: u32, end: u32, first: vec2u, row: u32, lane: u32) {
    for (var e = lane; e < BK * BM; e += WG) {
        wg_a[e % BM * PITCH_A + e / BM] = f16(load_y(begin + e / BM, end, first.x, row + e % BM));
    }
    for (var e = lane; e < BK * BN; e += WG) {
        let pixel = pixel_of(begin + e / BN, end);
        wg_b[e / BN * PITCH_B + e % BN] = f16(load_x(pixel, first.y, wg_term[e % BN]));
    }
}

@compute @workgroup_size(WG)
fn conv2d_grad_weight_matrix(
    @builtin(workgroup_id) group: vec3u,
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_id) subgroup: u32,
) {
    let terms = params.kernel_h * params.kernel_w * fixed_or(GROUP_C, params.group_c);
    let tiles = (params.group_o + BM - 1u) / BM;
    let first_o = group.y / tiles * params.group_o;
    let first_c = group.y / tiles * params.group_c;
    let row = group.y % tiles * BM;
    let first_n = group.x * BN;
    for (var j = lane; j < BN; j += WG) {
        wg_term[j] = term_of(first_n + j);
    }
    // wg_term is full
    workgroupBarrier();
    let out_w = fixed_or(OUT_W, params.out_w);
    let begin = group.z * params.slab_rows * out_w;
    let end = min((group.z + 1u) * params.slab_rows, params.views * params.out_h) * out_w;
    var sum: array<Sum, TM * TN>; // [o][n]
    for (var at = begin; at < end; at += BK) {
        stage(at, end, vec2u(first_o, first_c), row, lane);
        // wg_a and wg_b are full
        workgroupBarrier();
        multiply(&sum, subgroup);
        // all have read wg_a and wg_b, the next turn may overwrite them
        workgroupBarrier();
    }
    for (var i = 0u; i < TM; i++) {
        for (var j = 0u; j < TN; j++) {
            let matrix = sum[i * TN + j];
            subgroupMatrixStore<row_major>(&wg_y, subgroup * MATRIX, matrix, MATRIX_N);
            // wg_y holds a matrix of every subgroup
            workgroupBarrier();
            for (var e = lane; e < DOWN * ACROSS * MATRIX; e += WG) {
                let element = element_of(e, i, j);
                let o = row + element.x;
                let n = first_n + element.y;
                if (o < params.group_o && n < terms) {
                    partials[(group.z * params.out_c + first_o + o) * terms + n] = wg_y[e];
                }
            }
            // all have read wg_y
            workgroupBarrier();
        }
    }
}
