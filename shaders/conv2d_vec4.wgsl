// conv2d_vec4 — conv2d.wgsl with one subgroup per workgroup, loads and stores of four numbers
//
//   y[v, i, j, o] = bias[o] + sum_{a, b, c} x[v, h, w, g C' + c] weight[o, a, b, c]
//   h = i s_h - p_t + a d_h,  w = j s_w - p_l + b d_w
//
//   with RELU max(y, 0);  stride s, padding p, dilation d, C' = C / groups, g the group of o; x is 0 outside the image
//
// Layout   x [V, H, W, C]; weight [O, KH, KW, C']; bias [O] or absent; y [slices, V, OH, OW, O]:
//          the sum over c is cut into slices, which the caller adds up in order; the first brings
//          the bias; C', O / groups and the channels of a slice are multiples of four
// Mapping  as gemm_vec4.wgsl: a workgroup owns 4 LANES channels of y and as many pixels, at most
//          32; each invocation owns 4 channels of all pixels. For 4 channels c of a tap it loads
//          4 x 4 weights and 4 x 4 numbers of x, and takes the other pixels from its neighbours by
//          broadcasts; grid z = slice x group x tile of channels
// Memory   8 loads of 16 bytes for 512 fma from 8 lanes on, where conv2d_subgroup.wgsl has 48 of
//          4 bytes; for software adapters, where a load of 16 bytes costs as much as 3 or 4 of 4
//          bytes
// Source   elementary
// Twin     src/kernels/convolution/conv2d.ts

enable subgroups;

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
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> weight: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

override OUT_H: u32 = 0u; // 0: read at run time
override OUT_W: u32 = 0u;
override LANES: u32 = 8u; // of a subgroup: 4 to 64; the workgroup is exactly one
const PIXELS: u32 = 32u; // host: of a tile, the most; 16 at 4 lanes

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

// <lib lanes_subgroup>
/// The values of lanes 0 to 3. A lane that is a constant costs software adapters one instruction;
/// any other costs them a loop over all lanes.
fn lanes_0(value: f32) -> vec4f {
    return vec4f(
        subgroupBroadcast(value, 0u),
        subgroupBroadcast(value, 1u),
        subgroupBroadcast(value, 2u),
        subgroupBroadcast(value, 3u),
    );
}

/// The values of lanes 4 to 7.
fn lanes_4(value: f32) -> vec4f {
    return vec4f(
        subgroupBroadcast(value, 4u),
        subgroupBroadcast(value, 5u),
        subgroupBroadcast(value, 6u),
        subgroupBroadcast(value, 7u),
    );
}

/// The values of lanes 8 to 11.
fn lanes_8(value: f32) -> vec4f {
    return vec4f(
        subgroupBroadcast(value, 8u),
        subgroupBroadcast(value, 9u),
        subgroupBroadcast(value, 10u),
        subgroupBroadcast(value, 11u),
    );
}

/// The values of lanes 12 to 15.
fn lanes_12(value: f32) -> vec4f {
    return vec4f(
        subgroupBroadcast(value, 12u),
        subgroupBroadcast(value, 13u),
        subgroupBroadcast(value, 14u),
        subgroupBroadcast(value, 15u),
    );
}
// </lib>

// <lib product_vec4>
/// Adds four terms of one row x four columns to a tile.
fn add_row(tile: ptr<function, array<vec4f, 32>>, row: u32, terms: vec4f, columns: mat4x4f) {
    var sums = (*tile)[row];
    sums = fma(vec4f(terms.x), columns[0], sums);
    sums = fma(vec4f(terms.y), columns[1], sums);
    sums = fma(vec4f(terms.z), columns[2], sums);
    (*tile)[row] = fma(vec4f(terms.w), columns[3], sums);
}

/// Adds four terms of every fourth row x four columns: `terms` are those of row 4 lane + `first`.
fn add_rows(tile: ptr<function, array<vec4f, 32>>, first: u32, terms: vec4f, columns: mat4x4f) {
    let low = transpose(mat4x4f(lanes_0(terms.x), lanes_0(terms.y), lanes_0(terms.z), lanes_0(terms.w)));
    add_row(tile, first, low[0], columns);
    add_row(tile, first + 4u, low[1], columns);
    add_row(tile, first + 8u, low[2], columns);
    add_row(tile, first + 12u, low[3], columns);
    if (LANES > 4u) {
        let high = transpose(mat4x4f(lanes_4(terms.x), lanes_4(terms.y), lanes_4(terms.z), lanes_4(terms.w)));
        add_row(tile, first + 16u, high[0], columns);
        add_row(tile, first + 20u, high[1], columns);
        add_row(tile, first + 24u, high[2], columns);
        add_row(tile, first + 28u, high[3], columns);
    }
}

/// Adds four terms of the tile's rows x columns. A lane holds four rows, each with four terms, and
/// four terms, each with four columns.
fn add_product(tile: ptr<function, array<vec4f, 32>>, rows: mat4x4f, columns: mat4x4f) {
    add_rows(tile, 0u, rows[0], columns);
    add_rows(tile, 1u, rows[1], columns);
    add_rows(tile, 2u, rows[2], columns);
    add_rows(tile, 3u, rows[3], columns);
}
// </lib>

// <lib conv2d_rectified>
override RELU: bool = false; // y is max(y, 0)

/// v or, with RELU, max(v, 0); by its bits, so that NaN stays
fn rectified(v: f32) -> f32 {
    let bits = bitcast<u32>(v);
    return select(v, 0.0, RELU && bits >= 0x80000000u && bits <= 0xff800000u);
}
// </lib>

@compute @workgroup_size(LANES)
fn conv2d_vec4(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let tiles = (params.group_o + 4u * LANES - 1u) / (4u * LANES);
    let parts = tiles * (params.out_c / params.group_o);
    let slice = group.z / parts;
    let first_o = group.z % parts / tiles * params.group_o;
    let first_c = group.z % parts / tiles * params.group_c;
    let o = group.z % tiles * 4u * LANES + 4u * lane;
    let begin = slice * params.slice_c;
    let end = min(begin + params.slice_c, params.group_c);
    let most = min(PIXELS, 4u * LANES);
    let first = (group.x + group.y * groups.x) * most;
    // channels beyond the last compute the last again and are not stored; lanes from 8 on hold the
    // pixels of the first 8
    let source = source_of(first + 4u * (lane % 8u) + vec4u(0u, 1u, 2u, 3u));
    let row = first_o + min(o, params.group_o - 4u);
    let taps = params.kernel_h * params.kernel_w;
    let apart = taps * params.group_c / 4u; // from channel to channel of weight, in vectors
    var tile: array<vec4f, 32>;
    for (var tap = 0u; tap < taps; tap++) {
        let h = source.top + i32(tap / params.kernel_w * params.dilation_h);
        let w = source.left + i32(tap % params.kernel_w * params.dilation_w);
        let exists = inside(h, w);
        let at = ((source.view * params.in_h + vec4u(h)) * params.in_w + vec4u(w)) * params.in_c;
        let at_x = select(vec4u(), at + first_c, exists) / 4u;
        let at_w = row * apart + tap * params.group_c / 4u;
        for (var c = begin / 4u; c < end / 4u; c++) {
            let at = at_w + c;
            let weights = mat4x4f(
                weight[at],
                weight[at + apart],
                weight[at + 2u * apart],
                weight[at + 3u * apart],
            );
            let pixels = mat4x4f(
                select(vec4f(), x[at_x.x + c], exists.x),
                select(vec4f(), x[at_x.y + c], exists.y),
                select(vec4f(), x[at_x.z + c], exists.z),
                select(vec4f(), x[at_x.w + c], exists.w),
            );
            add_product(&tile, pixels, transpose(weights));
        }
    }
    if (o >= params.group_o) {
        return;
    }
    let channel = first_o + o;
    var start = vec4f();
    if (params.has_bias != 0u && slice == 0u) {
        start = vec4f(bias[channel], bias[channel + 1u], bias[channel + 2u], bias[channel + 3u]);
    }
    let count = params.views * params.out_h * params.out_w;
    var sums = tile; // a copy, so that the tile itself is indexed by constants only
    // from and to pixels that the compiler does not know, so that it does not unroll them
    for (var i = first; i < min(first + most, count); i++) {
        let sum = start + sums[i - first];
        let made = vec4f(rectified(sum.x), rectified(sum.y), rectified(sum.z), rectified(sum.w));
        y[((slice * count + i) * params.out_c + channel) / 4u] = made;
    }
}
