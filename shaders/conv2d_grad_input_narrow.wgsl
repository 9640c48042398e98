// conv2d_grad_input_narrow — conv2d_grad_input.wgsl for few channels, loads and stores of four
//
//   d_x[v, h, w, g C' + c] = bias[g C' + c] + sum_{a, b, o} d_y[v, i, j, o] weight[o, a, b, c]
//   over the taps and pixels with h = i s_h - p_t + a d_h,  w = j s_w - p_l + b d_w
//
//   stride s, padding p, dilation d, C' = C / groups, o over the channels of group g; the bias is
//   that of the transposed convolution, which is this very sum
//
// Layout   d_y [V, OH, OW, O]; weight [O, KH, KW, C']; bias [C] or absent; d_x [slices, V, H, W,
//          C]: the sum over o is cut into slices, which the caller adds up in order; the first
//          brings the bias; C', O / groups and the channels of a slice are multiples of four
// Mapping  a workgroup is one subgroup of 8 lanes and owns CHANNELS channels of d_x and 32 pixels, all
//          of one phase (h mod s_h, w mod s_w), so that a tap reaches all of them or none; each
//          invocation owns all channels of 4 pixels, LANES apart, so that no lane is idle, whatever
//          the channels. For 4 channels o of a tap it loads 4 x 4 numbers of d_y and CHANNELS / 8 x
//          4 weights, and takes the other weights from its neighbours by broadcasts; grid z = slice
//          x phase x group x tile of channels
// Memory   4 + CHANNELS / 8 loads of 16 bytes for 16 CHANNELS fma; for software adapters and channels
//          that leave the 32 of conv2d_grad_input_vec4.wgsl idle
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
@group(0) @binding(1) var<storage, read> d_y: array<vec4f>;
@group(0) @binding(2) var<storage, read> weight: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> d_x: array<vec4f>;

override LANES: u32 = 8u; // of a subgroup, 8 only; the workgroup is exactly one
const CHANNELS: u32 = 32u; // tune: 16 24 32 40

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

/// Adds four terms of the four pixels of a lane to eight channels. Lanes 0 to 3 hold the weights of
/// each term for the first four channels, lanes 4 to 7 for the others.
fn add_eight(tile: ptr<function, array<vec4f, 40>>, first: u32, pixels: mat4x4f, weights: vec4f) {
    let low = mat4x4f(lanes_0(weights.x), lanes_0(weights.y), lanes_0(weights.z), lanes_0(weights.w));
    add_four(tile, first, pixels, transpose(low));
    let high = mat4x4f(lanes_4(weights.x), lanes_4(weights.y), lanes_4(weights.z), lanes_4(weights.w));
    add_four(tile, first + 4u, pixels, transpose(high));
}

@compute @workgroup_size(LANES)
fn conv2d_grad_input_narrow(
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
    // channels beyond the last compute it again and are not stored
    var mine: array<u32, 5>;
    var tile: array<vec4f, 40>; // indexed by constants only, so that it stays in registers
    for (var i = 0u; i < 5u; i++) {
        mine[i] = min(c + 8u * i + lane / 4u * 4u, params.group_c - 4u) / 4u;
    }
    if (params.has_bias != 0u && slice == 0u) {
        let last = first_c + params.group_c - 1u;
        let own = first_c + c + lane;
        start_eight(&tile, 0u, bias[min(own, last)]);
        start_eight(&tile, 8u, bias[min(own + 8u, last)]);
        if (CHANNELS > 16u) {
            start_eight(&tile, 16u, bias[min(own + 16u, last)]);
        }
        if (CHANNELS > 24u) {
            start_eight(&tile, 24u, bias[min(own + 24u, last)]);
        }
        if (CHANNELS > 32u) {
            start_eight(&tile, 32u, bias[min(own + 32u, last)]);
        }
    }
    for (var t = 0u; t < taps; t++) {
        let a = t / params.kernel_w;
        let b = t - a * params.kernel_w;
        let tap = tap_of(phase, a, b);
        if (!tap.exists) {
            continue; // for the whole workgroup
        }
        let source = reached(aim, tap);
        let exists = source.exists;
        let at_y = source.at / 4u;
        var at_w = (begin + lane % 4u) * apart + (a * params.kernel_w + b) * params.group_c / 4u;
        for (var o = begin / 4u; o < end / 4u; o++) {
            // every load before the first product: software adapters spill sums that wait for one
            var weights: array<vec4f, 5>;
            weights[0] = weight[at_w + mine[0]];
            weights[1] = weight[at_w + mine[1]];
            if (CHANNELS > 16u) {
                weights[2] = weight[at_w + mine[2]];
            }
            if (CHANNELS > 24u) {
                weights[3] = weight[at_w + mine[3]];
            }
            if (CHANNELS > 32u) {
                weights[4] = weight[at_w + mine[4]];
            }
            let pixels = mat4x4f(
                select(vec4f(), d_y[at_y.x + o], exists.x),
                select(vec4f(), d_y[at_y.y + o], exists.y),
                select(vec4f(), d_y[at_y.z + o], exists.z),
                select(vec4f(), d_y[at_y.w + o], exists.w),
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
            at_w += 4u * apart;
        }
    }
    let h = aim.row * params.stride_h + phase.h;
    let w = aim.column * params.stride_w + phase.w;
    let image = slice * params.views + aim.view;
    let places = ((image * params.in_h + h) * params.in_w + w) * params.in_c;
    var p = 0u;
    for (var pixel = first + lane; pixel < min(first + 4u * LANES, count); pixel += LANES) {
        let place = select(select(places.x, places.y, p == 1u), select(places.z, places.w, p == 3u), p >= 2u);
        let at = (place + first_c + c) / 4u;
        d_x[at] = sums_of(&tile, 0u, p);
        if (c + 4u < params.group_c) {
            d_x[at + 1u] = sums_of(&tile, 4u, p);
        }
        if (c + 8u < params.group_c) {
            d_x[at + 2u] = sums_of(&tile, 8u, p);
        }
        if (c + 12u < params.group_c) {
            d_x[at + 3u] = sums_of(&tile, 12u, p);
        }
        if (CHANNELS > 16u && c + 16u < params.group_c) {
            d_x[at + 4u] = sums_of(&tile, 16u, p);
        }
        if (CHANNELS > 20u && c + 20u < params.group_c) {
            d_x[at + 5u] = sums_of(&tile, 20u, p);
        }
        if (CHANNELS > 24u && c + 24u < params.group_c) {
            d_x[at + 6u] = sums_of(&tile, 24u, p);
        }
        if (CHANNELS > 28u && c + 28u < params.group_c) {
            d_x[at + 7u] = sums_of(&tile, 28u, p);
        }
        if (CHANNELS > 32u && c + 32u < params.group_c) {
            d_x[at + 8u] = sums_of(&tile, 32u, p);
        }
        if (CHANNELS > 36u && c + 36u < params.group_c) {
            d_x[at + 9u] = sums_of(&tile, 36u, p);
        }
        p += 1u;
    }
}
