// conv2d — two-dimensional convolution, an implicit product of matrices.
//
//   y[v, i, j, o] = bias[o] + sum_{a, b, c} x[v, h, w, g C' + c] weight[o, a, b, c]
//   h = i s_h - p_t + a d_h,  w = j s_w - p_l + b d_w
//
//   with RELU max(y, 0);  stride s, padding p, dilation d, C' = C / groups, g the group of o; x is 0 outside the image
//
// Layout   x [V, H, W, C]; weight [O, KH, KW, C']; bias [O] or absent; y [slices, V, OH, OW, O]:
//          the sum over c is cut into slices, which the caller adds up in order; the first brings
//          the bias
// Mapping  a workgroup of SIDE x SIDE owns BM pixels x BN channels of y, each invocation TM x TN of
//          them, SIDE apart, so that neighbours store neighbours; x and weight pass through
//          workgroup memory, BK terms (a, b, c) at a time; grid z = slice x group x tile of
//          channels
// Memory   each number of x is loaded KH KW O' / BN times, mostly from cache; bound by arithmetic
//          from C' = 16 on
// Source   elementary
// Twin     src/kernels/convolution/conv2d.ts

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
// the workgroup is SIDE x SIDE
const SIDE: u32 = 16u; // tune: 8 16
const TM: u32 = 4u; // tune: 1 2 4 8
const TN: u32 = 4u; // tune: 1 2 4
const BK: u32 = 16u; // tune: 8 16
const BM: u32 = SIDE * TM;
const BN: u32 = SIDE * TN;
// an invocation loads one term of every APART-th pixel and channel of the tile
const APART: u32 = SIDE * SIDE / BK;
const LOADS_X: u32 = (BM + APART - 1u) / APART;
const LOADS_W: u32 = (BN + APART - 1u) / APART;
// padded rows: the BK terms that neighbours store fall in different banks
const PITCH_X: u32 = BM + 32u / BK;
const PITCH_W: u32 = BN + 32u / BK;
var<workgroup> wg_x: array<f32, BK * PITCH_X>; // [k][pixel], 4.1 KiB
var<workgroup> wg_w: array<f32, BK * PITCH_W>; // [k][channel], 4.1 KiB

// <lib conv2d_rectified>
override RELU: bool = false; // y is max(y, 0)

/// v or, with RELU, max(v, 0); by its bits, so that NaN stays
fn rectified(v: f32) -> f32 {
    let bits = bitcast<u32>(v);
    return select(v, 0.0, RELU && bits >= 0x80000000u && bits <= 0xff800000u);
}
// </lib>

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

/// Adds the product of wg_x and wg_w to the invocation's TM x TN.
fn multiply(sum: ptr<function, array<f32, TM * TN>>, id: vec3u) {
    for (var term = 0u; term < BK; term++) {
        var columns: array<f32, TN>;
        for (var j = 0u; j < TN; j++) {
            columns[j] = wg_w[term * PITCH_W + id.x + j * SIDE];
        }
        for (var i = 0u; i < TM; i++) {
            let left = wg_x[term * PITCH_X + id.y + i * SIDE];
            for (var j = 0u; j < TN; j++) {
                (*sum)[i * TN + j] += left * columns[j];
            }
        }
    }
}

@compute @workgroup_size(SIDE, SIDE)
fn conv2d(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) id: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let tiles = (params.group_o + BN - 1u) / BN;
    let parts = tiles * (params.out_c / params.group_o);
    let slice = group.z / parts;
    let first_o = group.z % parts / tiles * params.group_o;
    let first_c = group.z % parts / tiles * params.group_c;
    let row = group.z % tiles * BN;
    let pixel = (group.x + group.y * groups.x) * BM;
    let own = lane % BK; // the term that this invocation loads
    let place = lane / BK; // and its first pixel and channel
    var sources: array<Source, LOADS_X>;
    for (var i = 0u; i < LOADS_X; i++) {
        sources[i] = source_of(pixel + place + i * APART);
    }
    let terms = fixed_or(KERNEL_H, params.kernel_h) * fixed_or(KERNEL_W, params.kernel_w)
        * fixed_or(SLICE_C, params.slice_c);
    var sum: array<f32, TM * TN>; // [pixel][channel]
    for (var k = 0u; k < terms; k += BK) {
        let term = term_of(slice, k + own);
        var staged_x: array<f32, LOADS_X>;
        for (var i = 0u; i < LOADS_X; i++) {
            staged_x[i] = load_x(sources[i], first_c, term);
        }
        var staged_w: array<f32, LOADS_W>;
        for (var i = 0u; i < LOADS_W; i++) {
            staged_w[i] = load_w(first_o, row + place + i * APART, term);
        }
        // all have read the terms before these
        workgroupBarrier();
        for (var i = 0u; i < LOADS_X; i++) {
            if (place + i * APART < BM) {
                wg_x[own * PITCH_X + place + i * APART] = staged_x[i];
            }
        }
        for (var i = 0u; i < LOADS_W; i++) {
            if (place + i * APART < BN) {
                wg_w[own * PITCH_W + place + i * APART] = staged_w[i];
            }
        }
        // wg_x and wg_w are full
        workgroupBarrier();
        multiply(&sum, id);
    }
    let pixels = params.views * params.out_h * params.out_w;
    for (var j = 0u; j < TN; j++) {
        let o = row + id.x + j * SIDE;
        if (o >= params.group_o) {
            continue;
        }
        // the first slice brings the bias
        var start = 0.0;
        if (params.has_bias != 0u && slice == 0u) {
            start = bias[first_o + o];
        }
        for (var i = 0u; i < TM; i++) {
            let at = pixel + id.y + i * SIDE;
            if (at < pixels) {
                let place = (slice * pixels + at) * params.out_c + first_o + o;
                y[place] = rectified(start + sum[i * TN + j]);
            }
        }
    }
}
