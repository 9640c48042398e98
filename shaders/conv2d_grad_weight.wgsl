// conv2d_grad_weight — gradient of conv2d with respect to its weight, in slices of pixels.
//
//   partials[s, o, a, b, c] = sum_{v, i, j} d_y[v, i, j, o] x[v, h, w, g C' + c]
//   h = i s_h - p_t + a d_h,  w = j s_w - p_l + b d_w,  over the pixels (v, i, j) of slice s
//
//   stride s, padding p, dilation d, C' = C / groups, g the group of o; x is 0 outside the image
//
// Layout   x [V, H, W, C]; d_y [V, OH, OW, O]; partials [slabs, O, KH, KW, C']; slice s holds rows
//          s R to s R + R - 1 of the V OH rows of y; column_sum adds the slices up in order
// Mapping  a workgroup of SIDE x SIDE owns BM channels o x BN terms (a, b, c) of one slice, each
//          invocation TM x TN of them, SIDE apart, so that neighbours store neighbours; d_y and x
//          pass through workgroup memory, BK pixels at a time; grid: x tiles of terms, y groups x
//          tiles of channels, z slices
// Memory   d_y is loaded KH KW C' / BN times, x KH KW O' / BM times, mostly from cache; bound by
//          arithmetic; slices fill the GPU where the weight is small and the pixels are many
// Source   elementary
// Twin     src/kernels/convolution/conv2d_grad_weight.ts

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
// the workgroup is SIDE x SIDE
const SIDE: u32 = 16u; // tune: 8 16
const TM: u32 = 4u; // tune: 1 2 4
const TN: u32 = 4u; // tune: 1 2 4 8
const BK: u32 = 16u; // tune: 8 16
const BM: u32 = SIDE * TM;
const BN: u32 = SIDE * TN;
const LOADS: u32 = (BK + SIDE - 1u) / SIDE; // pixels that an invocation loads, SIDE apart
var<workgroup> wg_y: array<f32, BK * BM>; // [pixel][o], 4 KiB
var<workgroup> wg_x: array<f32, BK * BN>; // [pixel][n], 4 KiB

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

/// Adds the product of wg_y and wg_x to the invocation's TM x TN.
fn multiply(sum: ptr<function, array<f32, TM * TN>>, id: vec3u) {
    for (var pixel = 0u; pixel < BK; pixel++) {
        var columns: array<f32, TN>;
        for (var j = 0u; j < TN; j++) {
            columns[j] = wg_x[pixel * BN + id.x + j * SIDE];
        }
        for (var i = 0u; i < TM; i++) {
            let left = wg_y[pixel * BM + id.y + i * SIDE];
            for (var j = 0u; j < TN; j++) {
                (*sum)[i * TN + j] += left * columns[j];
            }
        }
    }
}

@compute @workgroup_size(SIDE, SIDE)
fn conv2d_grad_weight(
    @builtin(workgroup_id) group: vec3u,
    @builtin(local_invocation_id) id: vec3u,
) {
    let terms = params.kernel_h * params.kernel_w * fixed_or(GROUP_C, params.group_c);
    let tiles = (params.group_o + BM - 1u) / BM;
    let first_o = group.y / tiles * params.group_o;
    let first_c = group.y / tiles * params.group_c;
    let row = group.y % tiles * BM;
    let first_n = group.x * BN;
    var own: array<Term, TN>; // that this invocation loads
    for (var j = 0u; j < TN; j++) {
        own[j] = term_of(first_n + id.x + j * SIDE);
    }
    let out_w = fixed_or(OUT_W, params.out_w);
    let begin = group.z * params.slab_rows * out_w;
    let end = min((group.z + 1u) * params.slab_rows, params.views * params.out_h) * out_w;
    var sum: array<f32, TM * TN>; // [o][n]
    for (var first = begin; first < end; first += BK) {
        var staged_y: array<f32, LOADS * TM>;
        var staged_x: array<f32, LOADS * TN>;
        let last = min(first + BK, end);
        for (var p = 0u; p < LOADS; p++) {
            let index = first + id.y + p * SIDE;
            let pixel = pixel_of(index, last);
            for (var i = 0u; i < TM; i++) {
                staged_y[p * TM + i] = load_y(index, last, first_o, row + id.x + i * SIDE);
            }
            for (var j = 0u; j < TN; j++) {
                staged_x[p * TN + j] = load_x(pixel, first_c, own[j]);
            }
        }
        // all have read the pixels before these
        workgroupBarrier();
        for (var p = 0u; p < LOADS; p++) {
            let pixel = id.y + p * SIDE;
            if (pixel >= BK) {
                continue;
            }
            for (var i = 0u; i < TM; i++) {
                wg_y[pixel * BM + id.x + i * SIDE] = staged_y[p * TM + i];
            }
            for (var j = 0u; j < TN; j++) {
                wg_x[pixel * BN + id.x + j * SIDE] = staged_x[p * TN + j];
            }
        }
        // wg_y and wg_x are full
        workgroupBarrier();
        multiply(&sum, id);
    }
    for (var i = 0u; i < TM; i++) {
        let o = row + id.y + i * SIDE;
        if (o >= params.group_o) {
            continue;
        }
        let place = (group.z * params.out_c + first_o + o) * terms;
        for (var j = 0u; j < TN; j++) {
            let n = first_n + id.x + j * SIDE;
            if (n < terms) {
                partials[place + n] = sum[i * TN + j];
            }
        }
    }
}
