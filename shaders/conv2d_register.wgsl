// conv2d_register — conv2d.wgsl using only registers: no subgroups, no workgroup memory.
//
//   y[v, i, j, o] = bias[o] + sum_{a, b, c} x[v, h, w, g C' + c] weight[o, a, b, c]
//   h = i s_h - p_t + a d_h,  w = j s_w - p_l + b d_w
//
//   with RELU max(y, 0);  stride s, padding p, dilation d, C' = C / groups, g the group of o; x is 0 outside the image
//
// Layout   x [V, H, W, C]; weight [O, KH, KW, C']; bias [O] or absent; y [slices, V, OH, OW, O]:
//          the sum over c is cut into slices, which the caller adds up in order; the first brings
//          the bias
// Mapping  an invocation owns 4 pixels x 16 channels of y; grid z = slice x group x tile of
//          channels
// Memory   20 loads for 64 fma; for software adapters, where barriers are expensive
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
override WG: u32 = 8u; // invocations per workgroup
const ROWS: u32 = 16u; // tune: 16

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

// <lib conv2d_source>
/// The taps of four output pixels: the view, and the row and column of the first tap.
struct Source {
    view: vec4u,
    top: vec4i,
    left: vec4i,
}

/// The source of four pixels of y; those beyond the last have all their taps outside the image.
fn source_of(pixel: vec4u) -> Source {
    let out_w = fixed_or(OUT_W, params.out_w);
    let image = fixed_or(OUT_H, params.out_h) * out_w;
    let view = pixel / image;
    let rest = pixel - view * image;
    let row = rest / out_w;
    let top = vec4i(row * params.stride_h) - i32(params.pad_top);
    let left = vec4i((rest - row * out_w) * params.stride_w) - i32(params.pad_left);
    return Source(view, select(top, vec4i(-0x40000000), view >= vec4u(params.views)), left);
}

/// Whether image positions exist; negative ones wrap to beyond the end.
fn inside(h: vec4i, w: vec4i) -> vec4<bool> {
    return (vec4u(h) < vec4u(params.in_h)) & (vec4u(w) < vec4u(params.in_w));
}
// </lib>

// <lib conv2d_store>
override RELU: bool = false; // y is max(y, 0)

/// Writes one channel of four pixels of a slice of y; the first slice adds the bias. With RELU,
/// negative numbers become 0, by their bits: NaN stays.
fn store(slice: u32, pixel: vec4u, channel: u32, sums: vec4f) {
    let pixels = params.views * params.out_h * params.out_w;
    var start = 0.0;
    if (params.has_bias != 0u && slice == 0u) {
        start = bias[channel];
    }
    var made = start + sums;
    if (RELU) {
        let bits = bitcast<vec4u>(made);
        made = select(made, vec4f(), (bits >= vec4u(0x80000000u)) & (bits <= vec4u(0xff800000u)));
    }
    for (var j = 0u; j < 4u; j++) {
        if (pixel[j] < pixels) {
            y[(slice * pixels + pixel[j]) * params.out_c + channel] = made[j];
        }
    }
}
// </lib>

@compute @workgroup_size(WG)
fn conv2d_register(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let pixel = ((group.x + group.y * groups.x) * WG + lane) * 4u + vec4u(0u, 1u, 2u, 3u);
    let source = source_of(pixel);
    let tiles = (params.group_o + ROWS - 1u) / ROWS;
    let parts = tiles * (params.out_c / params.group_o);
    let slice = group.z / parts;
    let first_o = group.z % parts / tiles * params.group_o;
    let first_c = group.z % parts / tiles * params.group_c;
    let row = group.z % tiles * ROWS;
    let begin = slice * params.slice_c;
    let end = min(begin + params.slice_c, params.group_c);
    // rows beyond the last channel compute it again and are not stored
    let last = vec4u(params.group_o - 1u);
    let taps = params.kernel_h * params.kernel_w;
    let step = taps * params.group_c;
    let rows_a = (first_o + min(row + vec4u(0u, 1u, 2u, 3u), last)) * step;
    let rows_b = (first_o + min(row + vec4u(4u, 5u, 6u, 7u), last)) * step;
    let rows_c = (first_o + min(row + vec4u(8u, 9u, 10u, 11u), last)) * step;
    let rows_d = (first_o + min(row + vec4u(12u, 13u, 14u, 15u), last)) * step;
    var tile: array<vec4f, ROWS>; // indexed by constants only, so that it stays in registers
    for (var tap = 0u; tap < taps; tap++) {
        let h = source.top + i32(tap / params.kernel_w * params.dilation_h);
        let w = source.left + i32(tap % params.kernel_w * params.dilation_w);
        let exists = inside(h, w);
        let at = ((source.view * params.in_h + vec4u(h)) * params.in_w + vec4u(w)) * params.in_c;
        let at_x = select(vec4u(), at + first_c, exists);
        for (var c = begin; c < end; c++) {
            let place = at_x + c;
            let loaded = vec4f(x[place.x], x[place.y], x[place.z], x[place.w]);
            let columns = select(vec4f(), loaded, exists);
            let k = tap * params.group_c + c;
            tile[0] += weight[rows_a.x + k] * columns;
            tile[1] += weight[rows_a.y + k] * columns;
            tile[2] += weight[rows_a.z + k] * columns;
            tile[3] += weight[rows_a.w + k] * columns;
            tile[4] += weight[rows_b.x + k] * columns;
            tile[5] += weight[rows_b.y + k] * columns;
            tile[6] += weight[rows_b.z + k] * columns;
            tile[7] += weight[rows_b.w + k] * columns;
            tile[8] += weight[rows_c.x + k] * columns;
            tile[9] += weight[rows_c.y + k] * columns;
            tile[10] += weight[rows_c.z + k] * columns;
            tile[11] += weight[rows_c.w + k] * columns;
            tile[12] += weight[rows_d.x + k] * columns;
            tile[13] += weight[rows_d.y + k] * columns;
            tile[14] += weight[rows_d.z + k] * columns;
            tile[15] += weight[rows_d.w + k] * columns;
        }
    }
    for (var r = 0u; r < ROWS; r++) {
        if (row + r < params.group_o) {
            store(slice, pixel, first_o + row + r, tile[r]);
        }
    }
}
