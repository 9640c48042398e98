// conv2d_grad_input_few — conv2d_grad_input.wgsl for few terms, one at a time, stores of four
//
//   d_x[v, h, w, g C' + c] = bias[g C' + c] + sum_{a, b, o} d_y[v, i, j, o] weight[o, a, b, c]
//   over the taps and pixels with h = i s_h - p_t + a d_h,  w = j s_w - p_l + b d_w
//
//   stride s, padding p, dilation d, C' = C / groups, o over the channels of group g; the bias is
//   that of the transposed convolution, which is this very sum
//
// Layout   d_y [V, OH, OW, O]; weight [O, KH, KW, C']; bias [C] or absent; d_x [slices, V, H, W,
//          C]: the sum over o is cut into slices, which the caller adds up in order; the first
//          brings the bias; C' is a multiple of four, O any number
// Mapping  a workgroup is one subgroup of 8 lanes and owns 32 channels of d_x and 32 pixels, all of
//          one phase (h mod s_h, w mod s_w), so that a tap reaches all of them or none; each
//          invocation owns all channels of 4 pixels, LANES apart. For a channel o of a tap it loads
//          4 numbers of d_y and 4 weights, and takes the other weights from its neighbours by
//          broadcasts; grid z = slice x phase x group x tile of channels
// Memory   4 loads of 4 bytes and one of 16 for 128 fma, and stores of 16 bytes, which are most of
//          the time where there is one channel o; for software adapters
// Source   elementary
// Twin     src/kernels/convolution/conv2d_grad_input.ts

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
    slice_o: u32,  // channels of a group in one slice of the sum
    has_bias: u32, // 0 or 1
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> d_y: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> d_x: array<vec4f>;

override LANES: u32 = 8u; // of a subgroup, 8 only; the workgroup is exactly one
const CHANNELS: u32 = 32u; // host: of a tile

// <lib conv2d_phase>
/// The image pixels (row stride_h + h, column stride_w + w): the same taps reach all of them.
struct Phase {
    h: u32,
    w: u32,
    rows: u32,
    columns: u32,
}

fn phase_of(index: u32) -> Phase {
    let h = index / params.stride_w;
    let w = index % params.stride_w;
    let rows = (params.in_h + params.stride_h - 1u - h) / params.stride_h;
    let columns = (params.in_w + params.stride_w - 1u - w) / params.stride_w;
    return Phase(h, w, rows, columns);
}

/// The row and column of y that a tap reaches from a target, less the target's own; `exists` is
/// false where it reaches none.
struct Tap {
    exists: bool,
    h: i32,
    w: i32,
}

fn tap_of(phase: Phase, a: u32, b: u32) -> Tap {
    let h = i32(phase.h + params.pad_top) - i32(a * params.dilation_h);
    let w = i32(phase.w + params.pad_left) - i32(b * params.dilation_w);
    let stride = vec2i(i32(params.stride_h), i32(params.stride_w));
    return Tap(h % stride.x == 0 && w % stride.y == 0, h / stride.x, w / stride.y);
}
// </lib>

// <lib conv2d_target>
/// Four pixels of a phase; those beyond the last have a view beyond the last.
struct Target {
    view: vec4u,
    row: vec4u,
    column: vec4u,
}

fn target_of(phase: Phase, pixel: vec4u) -> Target {
    let view = pixel / (phase.rows * phase.columns);
    let rest = pixel - view * (phase.rows * phase.columns);
    let row = rest / phase.columns;
    return Target(view, row, rest - row * phase.columns);
}

/// Index in d_y of channel 0 of the pixel that a tap reaches from a target, 0 if there is none.
struct Reached {
    exists: vec4<bool>,
    at: vec4u,
}

fn reached(by: Target, tap: Tap) -> Reached {
    let h = vec4u(vec4i(by.row) + tap.h); // negative ones wrap to beyond the end
    let w = vec4u(vec4i(by.column) + tap.w);
    let in_map = (h < vec4u(params.out_h)) & (w < vec4u(params.out_w));
    let exists = in_map & (by.view < vec4u(params.views));
    let at = ((by.view * params.out_h + h) * params.out_w + w) * params.out_c;
    return Reached(exists, select(vec4u(), at, exists));
}
// </lib>

/// Adds a term of the four pixels of a lane to four channels.
fn add_four(tile: ptr<function, array<vec4f, 32>>, first: u32, pixels: vec4f, weights: vec4f) {
    (*tile)[first] = fma(vec4f(pixels.x), weights, (*tile)[first]);
    (*tile)[first + 1u] = fma(vec4f(pixels.y), weights, (*tile)[first + 1u]);
    (*tile)[first + 2u] = fma(vec4f(pixels.z), weights, (*tile)[first + 2u]);
    (*tile)[first + 3u] = fma(vec4f(pixels.w), weights, (*tile)[first + 3u]);
}

/// Four channels of pixel p. Selections, because an index costs software adapters a load per number.
fn sums_of(tile: ptr<function, array<vec4f, 32>>, first: u32, p: u32) -> vec4f {
    let low = select((*tile)[first], (*tile)[first + 1u], p == 1u);
    return select(low, select((*tile)[first + 2u], (*tile)[first + 3u], p == 3u), p >= 2u);
}

@compute @workgroup_size(LANES)
fn conv2d_grad_input_few(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let tiles = (params.group_c + CHANNELS - 1u) / CHANNELS;
    let parts = tiles * (params.in_c / params.group_c);
    let phases = params.stride_h * params.stride_w;
    let phase = phase_of(group.z / parts % phases);
    let slice = group.z / (parts * phases);
    let first_c = group.z % parts / tiles * params.group_c;
    let first_o = group.z % parts / tiles * params.group_o;
    let c = group.z % tiles * CHANNELS;
    let begin = first_o + slice * params.slice_o;
    let end = min(begin + params.slice_o, first_o + params.group_o);
    let first = (group.x + group.y * groups.x) * 4u * LANES;
    let count = params.views * phase.rows * phase.columns;
    if (first >= count) {
        return; // the whole workgroup: this phase has fewer pixels than the first
    }
    let aim = target_of(phase, first + lane + LANES * vec4u(0u, 1u, 2u, 3u));
    let taps = params.kernel_h * params.kernel_w;
    let apart = taps * params.group_c / 4u; // from channel to channel of weight, in vectors
    var tile: array<vec4f, 32>; // indexed by constants only, so that it stays in registers
    // each lane holds the weights of four channels; those beyond the last are not stored
    let mine = min(c + 4u * lane, params.group_c - 4u) / 4u;
    for (var t = 0u; t < taps; t++) {
        let a = t / params.kernel_w;
        let b = t - a * params.kernel_w;
        let tap = tap_of(phase, a, b);
        if (!tap.exists) {
            continue; // for the whole workgroup
        }
        let source = reached(aim, tap);
        var at_w = begin * apart + t * params.group_c / 4u + mine;
        for (var o = begin; o < end; o++) {
            let weights = weight[at_w];
            let pixels = select(
                vec4f(),
                vec4f(d_y[source.at.x + o], d_y[source.at.y + o], d_y[source.at.z + o], d_y[source.at.w + o]),
                source.exists,
            );
            add_four(&tile, 0u, pixels, subgroupBroadcast(weights, 0u));
            add_four(&tile, 4u, pixels, subgroupBroadcast(weights, 1u));
            add_four(&tile, 8u, pixels, subgroupBroadcast(weights, 2u));
            add_four(&tile, 12u, pixels, subgroupBroadcast(weights, 3u));
            add_four(&tile, 16u, pixels, subgroupBroadcast(weights, 4u));
            add_four(&tile, 20u, pixels, subgroupBroadcast(weights, 5u));
            add_four(&tile, 24u, pixels, subgroupBroadcast(weights, 6u));
            add_four(&tile, 28u, pixels, subgroupBroadcast(weights, 7u));
            at_w += apart;
        }
    }
    let h = aim.row * params.stride_h + phase.h;
    let w = aim.column * params.stride_w + phase.w;
    let image = slice * params.views + aim.view;
    let places = ((image * params.in_h + h) * params.in_w + w) * params.in_c;
    var own = vec4f();
    if (params.has_bias != 0u && slice == 0u) {
        let at = first_c + 4u * mine;
        own = vec4f(bias[at], bias[at + 1u], bias[at + 2u], bias[at + 3u]);
    }
    let start = array(subgroupBroadcast(own, 0u), subgroupBroadcast(own, 1u), subgroupBroadcast(own, 2u), subgroupBroadcast(own, 3u), subgroupBroadcast(own, 4u), subgroupBroadcast(own, 5u), subgroupBroadcast(own, 6u), subgroupBroadcast(own, 7u));
    var p = 0u;
    for (var pixel = first + lane; pixel < min(first + 4u * LANES, count); pixel += LANES) {
        let place = select(select(places.x, places.y, p == 1u), select(places.z, places.w, p == 3u), p >= 2u);
        let at = (place + first_c + c) / 4u;
        d_x[at] = sums_of(&tile, 0u, p) + start[0];
        if (c + 4u < params.group_c) {
            d_x[at + 1u] = sums_of(&tile, 4u, p) + start[1];
        }
        if (c + 8u < params.group_c) {
            d_x[at + 2u] = sums_of(&tile, 8u, p) + start[2];
        }
        if (c + 12u < params.group_c) {
            d_x[at + 3u] = sums_of(&tile, 12u, p) + start[3];
        }
        if (c + 16u < params.group_c) {
            d_x[at + 4u] = sums_of(&tile, 16u, p) + start[4];
        }
        if (c + 20u < params.group_c) {
            d_x[at + 5u] = sums_of(&tile, 20u, p) + start[5];
        }
        if (c + 24u < params.group_c) {
            d_x[at + 6u] = sums_of(&tile, 24u, p) + start[6];
        }
        if (c + 28u < params.group_c) {
            d_x[at + 7u] = sums_of(&tile, 28u, p) + start[7];
        }
        p += 1u;
    }
}
