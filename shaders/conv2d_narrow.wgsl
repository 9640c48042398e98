// conv2d_narrow — conv2d.wgsl for few channels: one subgroup per workgroup, loads and stores of four
//
//   y[v, i, j, o] = bias[o] + sum_{a, b, c} x[v, h, w, g C' + c] weight[o, a, b, c]
//   h = i s_h - p_t + a d_h,  w = j s_w - p_l + b d_w
//
//   with RELU max(y, 0);  stride s, padding p, dilation d, C' = C / groups, g the group of o; x is 0 outside the image
//
// Layout   x [V, H, W, C]; weight [O, KH, KW, C']; bias [O] or absent; y [slices, V, OH, OW, O]:
//          the sum over c is cut into slices, which the caller adds up in order; the first brings
//          the bias; C', O / groups and the channels of a slice are multiples of four
// Mapping  a workgroup is one subgroup of 8 lanes and owns CHANNELS channels of y and 32 pixels; each
//          invocation owns all channels of 4 pixels, LANES apart, so that no lane is idle, whatever
//          the channels. For 4 channels c of a tap it loads 4 x 4 numbers of x and
//          CHANNELS / 8 x 4 weights, and takes the other weights from its neighbours by broadcasts;
//          grid z = slice x group x tile of channels
// Memory   4 + CHANNELS / 8 loads of 16 bytes for 16 CHANNELS fma; for software adapters and channels
//          that leave the 32 of conv2d_vec4.wgsl idle
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
override LANES: u32 = 8u; // of a subgroup, 8 only; the workgroup is exactly one
const CHANNELS: u32 = 32u; // tune: 16 24 32 40

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

// <lib tile_narrow>
/// Adds four terms of one pixel to four channels.
fn add_row(tile: ptr<function, array<vec4f, 40>>, row: u32, terms: vec4f, channels: mat4x4f) {
    var sums = (*tile)[row];
    sums = fma(vec4f(terms.x), channels[0], sums);
    sums = fma(vec4f(terms.y), channels[1], sums);
    sums = fma(vec4f(terms.z), channels[2], sums);
    (*tile)[row] = fma(vec4f(terms.w), channels[3], sums);
}

/// Adds four terms of the four pixels of a lane to four channels.
fn add_four(tile: ptr<function, array<vec4f, 40>>, first: u32, pixels: mat4x4f, channels: mat4x4f) {
    add_row(tile, first, pixels[0], channels);
    add_row(tile, first + 1u, pixels[1], channels);
    add_row(tile, first + 2u, pixels[2], channels);
    add_row(tile, first + 3u, pixels[3], channels);
}

/// Sets eight channels of all pixels to the numbers of lanes 0 to 7.
fn start_eight(tile: ptr<function, array<vec4f, 40>>, first: u32, number: f32) {
    for (var p = 0u; p < 4u; p++) {
        (*tile)[first + p] = lanes_0(number);
        (*tile)[first + 4u + p] = lanes_4(number);
    }
}

/// Four channels of pixel p. Selections, because an index costs software adapters a load per number.
fn sums_of(tile: ptr<function, array<vec4f, 40>>, first: u32, p: u32) -> vec4f {
    let low = select((*tile)[first], (*tile)[first + 1u], p == 1u);
    return select(low, select((*tile)[first + 2u], (*tile)[first + 3u], p == 3u), p >= 2u);
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

/// Adds four terms of the four pixels of a lane to eight channels, whose weights are in lanes 0 to 7.
fn add_eight(tile: ptr<function, array<vec4f, 40>>, first: u32, pixels: mat4x4f, weights: vec4f) {
    let low = mat4x4f(lanes_0(weights.x), lanes_0(weights.y), lanes_0(weights.z), lanes_0(weights.w));
    add_four(tile, first, pixels, low);
    let high = mat4x4f(lanes_4(weights.x), lanes_4(weights.y), lanes_4(weights.z), lanes_4(weights.w));
    add_four(tile, first + 4u, pixels, high);
}

/// Stores four channels of a pixel.
fn store(at: u32, sum: vec4f) {
    y[at] = vec4f(rectified(sum.x), rectified(sum.y), rectified(sum.z), rectified(sum.w));
}

@compute @workgroup_size(LANES)
fn conv2d_narrow(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let tiles = (params.group_o + CHANNELS - 1u) / CHANNELS;
    let parts = tiles * (params.out_c / params.group_o);
    let slice = group.z / parts;
    let first_o = group.z % parts / tiles * params.group_o;
    let first_c = group.z % parts / tiles * params.group_c;
    let o = group.z % tiles * CHANNELS;
    let begin = slice * params.slice_c;
    let end = min(begin + params.slice_c, params.group_c);
    let first = (group.x + group.y * groups.x) * 4u * LANES;
    let source = source_of(first + lane + LANES * vec4u(0u, 1u, 2u, 3u));
    let taps = params.kernel_h * params.kernel_w;
    let apart = taps * params.group_c / 4u; // from channel to channel of weight, in vectors
    // every eighth channel of the tile; those beyond the last compute it again and are not stored
    var rows: array<u32, 5>;
    for (var i = 0u; i < 5u; i++) {
        rows[i] = first_o + min(o + 8u * i + lane, params.group_o - 1u);
    }
    var tile: array<vec4f, 40>; // indexed by constants only, so that it stays in registers
    if (params.has_bias != 0u && slice == 0u) {
        start_eight(&tile, 0u, bias[rows[0]]);
        start_eight(&tile, 8u, bias[rows[1]]);
        if (CHANNELS > 16u) {
            start_eight(&tile, 16u, bias[rows[2]]);
        }
        if (CHANNELS > 24u) {
            start_eight(&tile, 24u, bias[rows[3]]);
        }
        if (CHANNELS > 32u) {
            start_eight(&tile, 32u, bias[rows[4]]);
        }
    }
    for (var tap = 0u; tap < taps; tap++) {
        let h = source.top + i32(tap / params.kernel_w * params.dilation_h);
        let w = source.left + i32(tap % params.kernel_w * params.dilation_w);
        let exists = inside(h, w);
        let at = ((source.view * params.in_h + vec4u(h)) * params.in_w + vec4u(w)) * params.in_c;
        let at_x = select(vec4u(), at + first_c, exists) / 4u;
        var at_w: array<u32, 5>;
        for (var i = 0u; i < 5u; i++) {
            at_w[i] = rows[i] * apart + tap * params.group_c / 4u;
        }
        for (var c = begin / 4u; c < end / 4u; c++) {
            // every load before the first product: software adapters spill sums that wait for one
            var weights: array<vec4f, 5>;
            weights[0] = weight[at_w[0] + c];
            weights[1] = weight[at_w[1] + c];
            if (CHANNELS > 16u) {
                weights[2] = weight[at_w[2] + c];
            }
            if (CHANNELS > 24u) {
                weights[3] = weight[at_w[3] + c];
            }
            if (CHANNELS > 32u) {
                weights[4] = weight[at_w[4] + c];
            }
            let pixels = mat4x4f(
                select(vec4f(), x[at_x.x + c], exists.x),
                select(vec4f(), x[at_x.y + c], exists.y),
                select(vec4f(), x[at_x.z + c], exists.z),
                select(vec4f(), x[at_x.w + c], exists.w),
            );
            add_eight(&tile, 0u, pixels, weights[0]);
            add_eight(&tile, 8u, pixels, weights[1]);
            if (CHANNELS > 16u) {
                add_eight(&tile, 16u, pixels, weights[2]);
            }
            if (CHANNELS > 24u) {
                add_eight(&tile, 24u, pixels, weights[3]);
            }
            if (CHANNELS > 32u) {
                add_eight(&tile, 32u, pixels, weights[4]);
            }
        }
    }
    let count = params.views * params.out_h * params.out_w;
    var p = 0u;
    for (var pixel = first + lane; pixel < min(first + 4u * LANES, count); pixel += LANES) {
        let at = ((slice * count + pixel) * params.out_c + first_o + o) / 4u;
        store(at, sums_of(&tile, 0u, p));
        if (o + 4u < params.group_o) {
            store(at + 1u, sums_of(&tile, 4u, p));
        }
        if (o + 8u < params.group_o) {
            store(at + 2u, sums_of(&tile, 8u, p));
        }
        if (o + 12u < params.group_o) {
            store(at + 3u, sums_of(&tile, 12u, p));
        }
        if (CHANNELS > 16u && o + 16u < params.group_o) {
            store(at + 4u, sums_of(&tile, 16u, p));
        }
        if (CHANNELS > 20u && o + 20u < params.group_o) {
            store(at + 5u, sums_of(&tile, 20u, p));
        }
        if (CHANNELS > 24u && o + 24u < params.group_o) {
            store(at + 6u, sums_of(&tile, 24u, p));
        }
        if (CHANNELS > 28u && o + 28u < params.group_o) {
            store(at + 7u, sums_of(&tile, 28u, p));
        }
        if (CHANNELS > 32u && o + 32u < params.group_o) {
            store(at + 8u, sums_of(&tile, 32u, p));
        }
        if (CHANNELS > 36u && o + 36u < params.group_o) {
            store(at + 9u, sums_of(&tile, 36u, p));
        }
        p += 1u;
    }
}
