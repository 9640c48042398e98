// conv2d_few — conv2d.wgsl for up to four channels of y: one subgroup per workgroup, loads of four
//
//   y[v, i, j, o] = bias[o] + sum_{a, b, c} x[v, h, w, g C' + c] weight[o, a, b, c]
//   h = i s_h - p_t + a d_h,  w = j s_w - p_l + b d_w
//
//   with RELU max(y, 0);  stride s, padding p, dilation d, C' = C / groups, g the group of o; x is 0 outside the image
//
// Layout   x [V, H, W, C]; weight [O, KH, KW, C']; bias [O] or absent; y [slices, V, OH, OW, O]:
//          the sum over c is cut into slices, which the caller adds up in order; the first brings
//          the bias; C' and the channels of a slice are multiples of four, O any number
// Mapping  a workgroup is one subgroup of 8 lanes and owns 4 channels of y and 32 pixels; each
//          invocation owns all channels of 4 pixels, LANES apart. For 4 channels c of a tap it loads
//          4 x 4 numbers of x and 4 weights, and takes the other weights from its neighbours by
//          broadcasts; grid z = slice x group x tile of channels
// Memory   5 loads of 16 bytes for 64 fma; for software adapters, where conv2d_subgroup.wgsl
//          computes 16 channels
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
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

override OUT_H: u32 = 0u; // 0: read at run time
override OUT_W: u32 = 0u;
override LANES: u32 = 8u; // of a subgroup, 8 only; the workgroup is exactly one
const CHANNELS: u32 = 4u; // host: of a tile

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

// <lib conv2d_rectified>
override RELU: bool = false; // y is max(y, 0)

/// v or, with RELU, max(v, 0); by its bits, so that NaN stays
fn rectified(v: f32) -> f32 {
    let bits = bitcast<u32>(v);
    return select(v, 0.0, RELU && bits >= 0x80000000u && bits <= 0xff800000u);
}
// </lib>

/// Adds four terms of one pixel to four channels.
fn with_terms(sums: vec4f, terms: vec4f, channels: mat4x4f) -> vec4f {
    let first = fma(vec4f(terms.y), channels[1], fma(vec4f(terms.x), channels[0], sums));
    return fma(vec4f(terms.w), channels[3], fma(vec4f(terms.z), channels[2], first));
}

@compute @workgroup_size(LANES)
fn conv2d_few(
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
    // lanes hold the weights of channels 0 to 3; those beyond the last repeat it and are not stored
    let row = first_o + min(o + lane % 4u, params.group_o - 1u);
    var start = vec4f();
    if (params.has_bias != 0u && slice == 0u) {
        start = lanes_0(bias[row]);
    }
    var tile = mat4x4f(start, start, start, start); // a column per pixel
    for (var tap = 0u; tap < taps; tap++) {
        let h = source.top + i32(tap / params.kernel_w * params.dilation_h);
        let w = source.left + i32(tap % params.kernel_w * params.dilation_w);
        let exists = inside(h, w);
        let at = ((source.view * params.in_h + vec4u(h)) * params.in_w + vec4u(w)) * params.in_c;
        let at_x = select(vec4u(), at + first_c, exists) / 4u;
        let at_w = row * apart + tap * params.group_c / 4u;
        for (var c = begin / 4u; c < end / 4u; c++) {
            let w = weight[at_w + c];
            let pixels = mat4x4f(
                select(vec4f(), x[at_x.x + c], exists.x),
                select(vec4f(), x[at_x.y + c], exists.y),
                select(vec4f(), x[at_x.z + c], exists.z),
                select(vec4f(), x[at_x.w + c], exists.w),
            );
            let channels = mat4x4f(lanes_0(w.x), lanes_0(w.y), lanes_0(w.z), lanes_0(w.w));
            tile = mat4x4f(
                with_terms(tile[0], pixels[0], channels),
                with_terms(tile[1], pixels[1], channels),
                with_terms(tile[2], pixels[2], channels),
                with_terms(tile[3], pixels[3], channels),
            );
        }
    }
    let count = params.views * params.out_h * params.out_w;
    var p = 0u;
    for (var pixel = first + lane; pixel < min(first + 4u * LANES, count); pixel += LANES) {
        let at = (slice * count + pixel) * params.out_c + first_o + o;
        // selections, because an index costs software adapters a load per number
        let sums = select(select(tile[0], tile[1], p == 1u), select(tile[2], tile[3], p == 3u), p >= 2u);
        y[at] = rectified(sums.x);
        if (o + 1u < params.group_o) {
            y[at + 1u] = rectified(sums.y);
        }
        if (o + 2u < params.group_o) {
            y[at + 2u] = rectified(sums.z);
        }
        if (o + 3u < params.group_o) {
            y[at + 3u] = rectified(sums.w);
        }
        p += 1u;
    }
}
