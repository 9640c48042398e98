// conv2d_grad_weight — gradient of conv2d by its weight, slab by slab of pixels.
//
//   partials[s, o, a, b, c] = sum_{v, i, j} d_y[v, i, j, o] x[v, h, w, g C' + c]
//   h = i s_h - p_t + a d_h,  w = j s_w - p_l + b d_w,  over the pixels (v, i, j) of slab s
//
//   stride s, padding p, dilation d, C' = C / groups, g the group of o; x is 0 outside the image
//
// Layout   x [V, H, W, C]; d_y [V, OH, OW, O]; partials [slabs, O, KH, KW, C']; slab s holds rows s
//          R to s R + R - 1 of the V OH rows of y; column_sum adds the slabs up in order
// Mapping  a workgroup of 16 x 16 owns 64 channels o x 64 terms (a, b, c) of one slab, an
//          invocation 4 x 4 of them, 16 apart, so that neighbours store neighbours; d_y and x pass
//          through workgroup memory, 16 pixels at a time; grid: x tiles of terms, y groups x tiles
//          of channels, z slabs
// Memory   d_y is loaded KH KW C' / 64 times, x KH KW O' / 64 times, mostly from cache; bound by
//          arithmetic; slabs fill the GPU where the weight is small and the pixels are many
// Source   elementary
// Twin     src/kernels/conv2d_grad_weight.ts

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
    slab_rows: u32, // rows of y (all views') in a slab
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
const SIDE: u32 = 16u; // tune: 16
const ROWS: u32 = 4u * SIDE;
var<workgroup> wg_y: array<f32, SIDE * ROWS>; // [pixel][o], 4 KiB
var<workgroup> wg_x: array<f32, SIDE * ROWS>; // [pixel][n], 4 KiB

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

// <lib conv2d_term>
/// Where four terms (a, b, c) of the weight sit on the image, for the pixel of y at (0, 0).
struct Term {
    h: vec4i,
    w: vec4i,
    c: vec4u,
    exists: vec4<bool>,
}

fn term_of(n: vec4u) -> Term {
    let group_c = fixed_or(GROUP_C, params.group_c);
    let kernel_w = fixed_or(KERNEL_W, params.kernel_w);
    let tap = n / group_c;
    let a = tap / kernel_w;
    let h = vec4i(a * params.dilation_h) - i32(params.pad_top);
    let w = vec4i((tap - a * kernel_w) * params.dilation_w) - i32(params.pad_left);
    return Term(h, w, n - tap * group_c, a < vec4u(params.kernel_h));
}
// </lib>

/// Four places SIDE apart
fn quarter(at: u32) -> vec4u { return at + vec4u(0u, SIDE, 2u * SIDE, 3u * SIDE); }

/// Four channels of d_y at a pixel, 0 beyond the slab
fn load_y(pixel: u32, end: u32, first_o: u32, o: vec4u) -> vec4f {
    let exists = (o < vec4u(params.group_o)) & vec4<bool>(pixel < end);
    let at = select(vec4u(), pixel * params.out_c + first_o + o, exists);
    return select(vec4f(), vec4f(d_y[at.x], d_y[at.y], d_y[at.z], d_y[at.w]), exists);
}

/// What four terms find on the image at a pixel, 0 outside it and beyond the slab
fn load_x(pixel: u32, end: u32, first_c: u32, term: Term) -> vec4f {
    let out_w = fixed_or(OUT_W, params.out_w);
    let out_h = fixed_or(OUT_H, params.out_h);
    let top = i32(pixel / out_w % out_h * fixed_or(STRIDE_H, params.stride_h));
    let left = i32(pixel % out_w * fixed_or(STRIDE_W, params.stride_w));
    let h = vec4u(top + term.h); // negative ones wrap to beyond the end
    let w = vec4u(left + term.w);
    let in_image = (h < vec4u(params.in_h)) & (w < vec4u(params.in_w));
    let exists = in_image & term.exists & vec4<bool>(pixel < end);
    let line = pixel / (out_w * out_h) * params.in_h + h;
    let at = (line * params.in_w + w) * params.in_c + first_c + term.c;
    let place = select(vec4u(), at, exists);
    return select(vec4f(), vec4f(x[place.x], x[place.y], x[place.z], x[place.w]), exists);
}

/// Adds the product of wg_y and wg_x to an invocation's 4 x 4.
fn multiply(tile: ptr<function, array<vec4f, 4>>, lane: vec3u) {
    for (var pixel = 0u; pixel < SIDE; pixel++) {
        let at_y = pixel * ROWS + lane.y;
        let at_x = quarter(pixel * ROWS + lane.x);
        let columns = vec4f(wg_x[at_x.x], wg_x[at_x.y], wg_x[at_x.z], wg_x[at_x.w]);
        (*tile)[0] += wg_y[at_y] * columns;
        (*tile)[1] += wg_y[at_y + SIDE] * columns;
        (*tile)[2] += wg_y[at_y + 2u * SIDE] * columns;
        (*tile)[3] += wg_y[at_y + 3u * SIDE] * columns;
    }
}

// <lib conv2d_store_terms>
/// Writes four terms of one row of the partials.
fn store(first: u32, n: vec4u, terms: u32, sums: vec4f) {
    for (var j = 0u; j < 4u; j++) {
        if (n[j] < terms) {
            partials[first + n[j]] = sums[j];
        }
    }
}
// </lib>

@compute @workgroup_size(SIDE, SIDE)
fn conv2d_grad_weight(
    @builtin(workgroup_id) group: vec3u,
    @builtin(local_invocation_id) lane: vec3u,
) {
    let terms = params.kernel_h * params.kernel_w * fixed_or(GROUP_C, params.group_c);
    let tiles = (params.group_o + ROWS - 1u) / ROWS;
    let first_o = group.y / tiles * params.group_o;
    let first_c = group.y / tiles * params.group_c;
    let row = group.y % tiles * ROWS;
    let n = quarter(group.x * ROWS + lane.x);
    let term = term_of(n);
    let out_w = fixed_or(OUT_W, params.out_w);
    let begin = group.z * params.slab_rows;
    let end = min(begin + params.slab_rows, params.views * params.out_h) * out_w;
    var tile: array<vec4f, 4>; // [o][n]
    for (var pixel = begin * out_w; pixel < end; pixel += SIDE) {
        let staged_y = load_y(pixel + lane.y, end, first_o, quarter(row + lane.x));
        let staged_x = load_x(pixel + lane.y, end, first_c, term);
        // all have read the pixels before these
        workgroupBarrier();
        for (var i = 0u; i < 4u; i++) {
            wg_y[lane.y * ROWS + lane.x + i * SIDE] = staged_y[i];
            wg_x[lane.y * ROWS + lane.x + i * SIDE] = staged_x[i];
        }
        // wg_y and wg_x are full
        workgroupBarrier();
        multiply(&tile, lane);
    }
    for (var i = 0u; i < 4u; i++) {
        let o = row + lane.y + i * SIDE;
        if (o < params.group_o) {
            store((group.z * params.out_c + first_o + o) * terms, n, terms, tile[i]);
        }
    }
}
