// conv2d_panel_strided — conv2d_panel.wgsl for stride 2: two columns of the image per step
//
//   y[v, i, j, o] = bias[o] + sum_{a, b, c} x[v, h, w, c] weight[o, a, b, c]
//   h = 2 i - p_t + a,  w = 2 j - p_l + b
//
//   with RELU max(y, 0);  padding p; x is 0 outside the image
//
// Layout   x [V, H, W, C]; weight [O, 3, 3, C]; bias [O] or absent; y [slices, V, H', W', O]: the
//          sum over c is cut into slices, which the caller adds up in order; the first brings the
//          bias; C and the channels of a slice are multiples of four
// Mapping  as conv2d_panel.wgsl: a workgroup is one subgroup of 8 lanes, which are channels of y; an
//          invocation copies its weights of CHANNELS channels c into arrays, then walks along rows
//          of y: of two columns of x the subgroup loads three rows, each number once; those of the
//          first column reach two columns of y, those of the second one; grid x = rows,
//          y = slice x tile of channels
// Memory   at most 6 loads of 16 bytes for 288 VECTORS fma on 32 channels; for software adapters,
//          whose loads from buffers take as long as 60 products
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

override LANES: u32 = 8u; // of a subgroup, 8 only; the workgroup is exactly one
const CHANNELS: u32 = 16u; // tune: 4 8 16 24 32
const VECTORS: u32 = 3u; // tune: 1 2 3 4

// <lib panel_tap>
/// A row of the weights, [b, c, v]. Each row is an array of its own, set to zero and filled before
/// the next: the time of compilers grows with the square of the stores between two loops.
alias Taps = array<f32, 3u * CHANNELS * VECTORS>;

/// Adds a number, by one tap, to sums.
fn add_tap(sums: ptr<function, Sums>, first: u32, taps: ptr<function, Taps>, tap: u32, c: u32, number: f32) {
    let at = (tap * CHANNELS + c) * VECTORS;
    (*sums)[first] = fma(number, (*taps)[at], (*sums)[first]);
    if (VECTORS > 1u) {
        (*sums)[first + 1u] = fma(number, (*taps)[at + 1u], (*sums)[first + 1u]);
    }
    if (VECTORS > 2u) {
        (*sums)[first + 2u] = fma(number, (*taps)[at + 2u], (*sums)[first + 2u]);
    }
    if (VECTORS > 3u) {
        (*sums)[first + 3u] = fma(number, (*taps)[at + 3u], (*sums)[first + 3u]);
    }
}
// </lib>

// <lib panel_taps_strided>
/// The vectors of the column of this step and of the one before, which the step makes whole.
alias Sums = array<f32, 8>;

/// Adds a number of the first column of the image, which also reaches the last tap of the column
/// before.
fn add_first(sums: ptr<function, Sums>, taps: ptr<function, Taps>, c: u32, number: f32) {
    add_tap(sums, 0u, taps, 0u, c, number);
    add_tap(sums, 4u, taps, 2u, c, number);
}

/// Adds numbers of one of two columns.
fn add_numbers(sums: ptr<function, Sums>, taps: ptr<function, Taps>, is_second: bool, c: u32, numbers: vec4f) {
    if (is_second) {
        add_tap(sums, 0u, taps, 1u, c, numbers.x);
        add_tap(sums, 0u, taps, 1u, c + 1u, numbers.y);
        add_tap(sums, 0u, taps, 1u, c + 2u, numbers.z);
        add_tap(sums, 0u, taps, 1u, c + 3u, numbers.w);
    } else {
        add_first(sums, taps, c, numbers.x);
        add_first(sums, taps, c + 1u, numbers.y);
        add_first(sums, taps, c + 2u, numbers.z);
        add_first(sums, taps, c + 3u, numbers.w);
    }
}

/// Adds four numbers, from number `first` of two columns' 6 x CHANNELS on.
fn add_four(sums: ptr<function, Sums>, top: ptr<function, Taps>, middle: ptr<function, Taps>, bottom: ptr<function, Taps>, first: u32, numbers: vec4f) {
    if (first < 6u * CHANNELS) {
        let row = first / CHANNELS % 3u;
        let is_second = first >= 3u * CHANNELS;
        let c = first % CHANNELS;
        if (row == 0u) {
            add_numbers(sums, top, is_second, c, numbers);
        } else if (row == 1u) {
            add_numbers(sums, middle, is_second, c, numbers);
        } else {
            add_numbers(sums, bottom, is_second, c, numbers);
        }
    }
}
// </lib>

// <lib panel_lanes>
/// Adds the four numbers of each of 8 lanes. The lane of a broadcast must be a constant.
fn add_lanes(sums: ptr<function, Sums>, top: ptr<function, Taps>, middle: ptr<function, Taps>, bottom: ptr<function, Taps>, first: u32, numbers: vec4f) {
    add_four(sums, top, middle, bottom, first, subgroupBroadcast(numbers, 0u));
    add_four(sums, top, middle, bottom, first + 4u, subgroupBroadcast(numbers, 1u));
    add_four(sums, top, middle, bottom, first + 8u, subgroupBroadcast(numbers, 2u));
    add_four(sums, top, middle, bottom, first + 12u, subgroupBroadcast(numbers, 3u));
    add_four(sums, top, middle, bottom, first + 16u, subgroupBroadcast(numbers, 4u));
    add_four(sums, top, middle, bottom, first + 20u, subgroupBroadcast(numbers, 5u));
    add_four(sums, top, middle, bottom, first + 24u, subgroupBroadcast(numbers, 6u));
    add_four(sums, top, middle, bottom, first + 28u, subgroupBroadcast(numbers, 7u));
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

// <lib panel_fill>
/// Row a of the weights of channels o, o + LANES and so on, over channels c from `first` to `end`.
fn fill(taps: ptr<function, Taps>, a: u32, o: u32, first: u32, end: u32) {
    // 3 CHANNELS VECTORS / 4, in a form that keeps the loop a loop
    let fours = params.kernel_w * (CHANNELS / 4u) * VECTORS;
    for (var n = 0u; n < fours; n++) {
        let v = n % VECTORS;
        let term = n / VECTORS * 4u; // tap and channel
        let c = first + term % CHANNELS;
        let channel = min(o + v * LANES, params.out_c - 1u);
        let at = (channel * 9u + 3u * a + term / CHANNELS) * params.in_c + min(c, params.in_c - 4u);
        let weights = select(vec4f(), weight[at / 4u], c < end);
        (*taps)[term * VECTORS + v] = weights.x;
        (*taps)[(term + 1u) * VECTORS + v] = weights.y;
        (*taps)[(term + 2u) * VECTORS + v] = weights.z;
        (*taps)[(term + 3u) * VECTORS + v] = weights.w;
    }
}
// </lib>

@compute @workgroup_size(LANES)
fn conv2d_panel_strided(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let tiles = (params.out_c + VECTORS * LANES - 1u) / (VECTORS * LANES);
    let slice = group.y / tiles;
    let first_o = group.y % tiles * VECTORS * LANES;
    let o = first_o + lane;
    let vectors = min(VECTORS, (params.out_c - first_o + LANES - 1u) / LANES);
    let rows = params.views * params.out_h;
    let first_row = group.x * rows / groups.x;
    let end_row = (group.x + 1u) * rows / groups.x;
    let begin = min(slice * params.slice_c, params.in_c);
    let end = min(begin + params.slice_c, params.in_c);
    var biases = vec4f();
    if (params.has_bias != 0u && slice == 0u) {
        for (var v = 0u; v < VECTORS; v++) {
            biases[v] = bias[min(o + v * LANES, params.out_c - 1u)];
        }
    }
    for (var first_c = begin; first_c < max(end, begin + 1u); first_c += CHANNELS) {
        let is_first = first_c == begin;
        let is_last = first_c + CHANNELS >= end;
        var top = Taps();
        fill(&top, 0u, o, first_c, end);
        var middle = Taps();
        fill(&middle, 1u, o, first_c, end);
        var bottom = Taps();
        fill(&bottom, 2u, o, first_c, end);
        // the column of y of this step, and that before; indexed by constants only, so that they
        // stay in registers
        var sums = Sums();
        var is_whole = false;
        var pixel = 0u; // whose sums are whole
        for (var row = first_row; row <= end_row; row++) { // the last one only stores
            let first_h = 2 * i32(row % params.out_h) - i32(params.pad_top);
            // number 4 (lane + 8 q) of two columns of x, if they have that row and channel
            var at_x: array<u32, 6>;
            var exists: array<bool, 6>;
            var second: array<bool, 6>;
            for (var q = 0u; q < 6u; q++) {
                let first = 4u * (lane + 8u * q);
                let line = first / CHANNELS % 3u;
                let h = u32(first_h + i32(line)); // negative ones wrap to beyond the end
                let c = first_c + first % CHANNELS;
                exists[q] = first < 6u * CHANNELS && h < params.in_h && c < end;
                second[q] = first >= 3u * CHANNELS;
                let at = (row / params.out_h * params.in_h + h) * params.in_w * params.in_c + c;
                at_x[q] = select(0u, at / 4u, exists[q]);
            }
            let steps = select(params.out_w + 1u, 1u, row == end_row);
            for (var step = 0u; step < steps; step++) {
                if (is_whole) {
                    for (var v = 0u; v < vectors; v++) {
                        // selections, because an index costs software adapters a load per number
                        let low = select(sums[4], sums[5], v == 1u);
                        let sum = select(low, select(sums[6], sums[7], v == 3u), v >= 2u);
                        let channel = o + v * LANES;
                        if (channel < params.out_c) {
                            y[pixel * params.out_c + channel] = select(sum, rectified(sum), is_last);
                        }
                    }
                }
                let next_pixel = (slice * rows + row) * params.out_w + step;
                var start = biases;
                if (!is_first && step < params.out_w && row < end_row) {
                    for (var v = 0u; v < VECTORS; v++) {
                        if (o + v * LANES < params.out_c) {
                            start[v] = y[next_pixel * params.out_c + o + v * LANES];
                        }
                    }
                }
                for (var v = 0u; v < VECTORS; v++) {
                    sums[4u + v] = sums[v];
                    sums[v] = start[v];
                }
                let w = 2u * step - params.pad_left;
                var numbers: array<vec4f, 6>;
                for (var q = 0u; q < 6u; q++) {
                    if (32u * q < 6u * CHANNELS) {
                        let column = w + u32(second[q]);
                        let inside = exists[q] && column < params.in_w;
                        let at = select(0u, at_x[q] + column * (params.in_c / 4u), inside);
                        numbers[q] = select(vec4f(), x[at], inside);
                    }
                }
                add_lanes(&sums, &top, &middle, &bottom, 0u, numbers[0]);
                add_lanes(&sums, &top, &middle, &bottom, 32u, numbers[1]);
                add_lanes(&sums, &top, &middle, &bottom, 64u, numbers[2]);
                add_lanes(&sums, &top, &middle, &bottom, 96u, numbers[3]);
                add_lanes(&sums, &top, &middle, &bottom, 128u, numbers[4]);
                add_lanes(&sums, &top, &middle, &bottom, 160u, numbers[5]);
                is_whole = step >= 1u;
                pixel = next_pixel - 1u;
            }
        }
    }
}
