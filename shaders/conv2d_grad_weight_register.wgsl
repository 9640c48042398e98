// conv2d_grad_weight_register — conv2d_grad_weight.wgsl using only registers: no subgroups.
//
//   partials[s, o, a, b, c] = sum_{v, i, j} d_y[v, i, j, o] x[v, h, w, g C' + c]
//   h = i s_h - p_t + a d_h,  w = j s_w - p_l + b d_w,  over the pixels (v, i, j) of slice s
//
//   stride s, padding p, dilation d, C' = C / groups, g the group of o; x is 0 outside the image
//
// Layout   x [V, H, W, C]; d_y [V, OH, OW, O]; partials [slabs, O, KH, KW, C']; slice s holds rows
//          s R to s R + R - 1 of the V OH rows of y; column_sum adds the slices up in order
// Mapping  an invocation owns 16 channels o x 4 terms (a, b, c) of one slice; grid: x tiles of
//          terms, y groups x tiles of channels, z slices
// Memory   20 loads for 64 fma; for software adapters, where barriers are expensive
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
override WG: u32 = 8u; // invocations per workgroup
const ROWS: u32 = 16u; // tune: 16

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

// <lib conv2d_term>
/// The image positions of four terms (a, b, c) of the weight, for the pixel of y at (0, 0).
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

@compute @workgroup_size(WG)
fn conv2d_grad_weight_register(
    @builtin(workgroup_id) group: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let terms = params.kernel_h * params.kernel_w * params.group_c;
    let tiles = (params.group_o + ROWS - 1u) / ROWS;
    let first_o = group.y / tiles * params.group_o;
    let first_c = group.y / tiles * params.group_c;
    let row = group.y % tiles * ROWS;
    let n = group.x * 4u * WG + lane + vec4u(0u, WG, 2u * WG, 3u * WG);
    let term = term_of(n);
    // rows beyond the last channel compute it again and are not stored
    let last = vec4u(params.group_o - 1u);
    let rows_a = first_o + min(row + vec4u(0u, 1u, 2u, 3u), last);
    let rows_b = first_o + min(row + vec4u(4u, 5u, 6u, 7u), last);
    let rows_c = first_o + min(row + vec4u(8u, 9u, 10u, 11u), last);
    let rows_d = first_o + min(row + vec4u(12u, 13u, 14u, 15u), last);
    var tile: array<vec4f, ROWS>; // indexed by constants only, so that it stays in registers
    let begin = group.z * params.slab_rows;
    let end = min(begin + params.slab_rows, params.views * params.out_h);
    for (var line = begin; line < end; line++) {
        // negative rows and columns wrap to beyond the end
        let h = vec4u(i32(line % params.out_h * params.stride_h) + term.h);
        let in_rows = term.exists & (h < vec4u(params.in_h));
        let first = (line / params.out_h * params.in_h + h) * params.in_w;
        for (var j = 0u; j < params.out_w; j++) {
            let w = vec4u(i32(j * params.stride_w) + term.w);
            let exists = in_rows & (w < vec4u(params.in_w));
            let at = select(vec4u(), (first + w) * params.in_c + first_c + term.c, exists);
            let loaded = vec4f(x[at.x], x[at.y], x[at.z], x[at.w]);
            let columns = select(vec4f(), loaded, exists);
            let at_y = (line * params.out_w + j) * params.out_c;
            tile[0] += d_y[at_y + rows_a.x] * columns;
            tile[1] += d_y[at_y + rows_a.y] * columns;
            tile[2] += d_y[at_y + rows_a.z] * columns;
            tile[3] += d_y[at_y + rows_a.w] * columns;
            tile[4] += d_y[at_y + rows_b.x] * columns;
            tile[5] += d_y[at_y + rows_b.y] * columns;
            tile[6] += d_y[at_y + rows_b.z] * columns;
            tile[7] += d_y[at_y + rows_b.w] * columns;
            tile[8] += d_y[at_y + rows_c.x] * columns;
            tile[9] += d_y[at_y + rows_c.y] * columns;
            tile[10] += d_y[at_y + rows_c.z] * columns;
            tile[11] += d_y[at_y + rows_c.w] * columns;
            tile[12] += d_y[at_y + rows_d.x] * columns;
            tile[13] += d_y[at_y + rows_d.y] * columns;
            tile[14] += d_y[at_y + rows_d.z] * columns;
            tile[15] += d_y[at_y + rows_d.w] * columns;
        }
    }
    let beyond = min(row + ROWS, params.group_o);
    for (var o = row; o < beyond; o++) { // not unrolled, which compilers take long to do
        store((group.z * params.out_c + first_o + o) * terms, n, terms, tile[o - row]);
    }
}
