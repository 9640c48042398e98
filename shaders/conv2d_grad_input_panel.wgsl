// conv2d_grad_input_panel — conv2d_grad_input.wgsl for 3x3 weights: they stay in private memory
//
//   d_x[v, h, w, c] = bias[c] + sum_{a, b, o} d_y[v, i, j, o] weight[o, a, b, c]
//   i = h + p_t - a,  j = w + p_l - b
//
//   stride 1, padding p; d_y is 0 outside the map; the bias is that of the transposed convolution,
//   which is this very sum
//
// Layout   d_y [V, H', W', O]; weight [O, 3, 3, C]; bias [C] or absent; d_x [slices, V, H, W, C]:
//          the sum over o is cut into slices, which the caller adds up in order; the first brings
//          the bias; O and the channels of a slice are multiples of four
// Mapping  as conv2d_panel.wgsl with the taps in reverse: a workgroup is one subgroup of 8 lanes,
//          which are channels of d_x; an invocation owns VECTORS channels, LANES apart, of some rows
//          of d_x. It copies its weights of CHANNELS channels o into arrays, then walks along each
//          row: of a column of d_y the subgroup loads three rows, each number once, and broadcasts
//          it to the sums of the three columns of d_x that it reaches. A later pass over further
//          channels o begins with the sums in d_x; grid x = rows, y = slice x tile of channels
// Memory   as conv2d_panel.wgsl: at most 3 loads of 16 bytes for 288 VECTORS fma on 32 channels; for
//          software adapters, whose loads from buffers take as long as 60 products
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
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> d_x: array<f32>;

override LANES: u32 = 8u; // of a subgroup, 8 only; the workgroup is exactly one
const CHANNELS: u32 = 24u; // tune: 4 8 16 24 32
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

// <lib panel_taps>
/// The vectors of three columns, of which the third is whole.
alias Sums = array<f32, 12>;

/// Adds a number of the image, which a row of the weights meets, to three columns of sums.
fn add_number(sums: ptr<function, Sums>, taps: ptr<function, Taps>, c: u32, number: f32) {
    add_tap(sums, 0u, taps, 0u, c, number);
    add_tap(sums, 4u, taps, 1u, c, number);
    add_tap(sums, 8u, taps, 2u, c, number);
}

fn add_numbers(sums: ptr<function, Sums>, taps: ptr<function, Taps>, c: u32, numbers: vec4f) {
    add_number(sums, taps, c, numbers.x);
    add_number(sums, taps, c + 1u, numbers.y);
    add_number(sums, taps, c + 2u, numbers.z);
    add_number(sums, taps, c + 3u, numbers.w);
}

/// Adds four numbers of the image, from number `first` of a column's 3 x CHANNELS on.
fn add_four(sums: ptr<function, Sums>, top: ptr<function, Taps>, middle: ptr<function, Taps>, bottom: ptr<function, Taps>, first: u32, numbers: vec4f) {
    if (first < CHANNELS) {
        add_numbers(sums, top, first, numbers);
    } else if (first < 2u * CHANNELS) {
        add_numbers(sums, middle, first - CHANNELS, numbers);
    } else if (first < 3u * CHANNELS) {
        add_numbers(sums, bottom, first - 2u * CHANNELS, numbers);
    }
}

/// Moves the columns of sums on by one, and starts a column.
fn next_column(sums: ptr<function, Sums>, start: vec4f) {
    for (var v = 0u; v < VECTORS; v++) {
        (*sums)[8u + v] = (*sums)[4u + v];
        (*sums)[4u + v] = (*sums)[v];
        (*sums)[v] = start[v];
    }
}

/// A vector of the column that is whole. Selections, because an index costs software adapters a
/// load per number.
fn whole_vector(sums: ptr<function, Sums>, v: u32) -> f32 {
    let low = select((*sums)[8], (*sums)[9], v == 1u);
    return select(low, select((*sums)[10], (*sums)[11], v == 3u), v >= 2u);
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

/// Row a of the weights of channels c, c + LANES and so on, over channels o from `first` to `end`.
fn fill(taps: ptr<function, Taps>, a: u32, c: u32, first: u32, end: u32) {
    // 3 CHANNELS VECTORS / 4, in a form that keeps the loop a loop
    let fours = params.kernel_w * (CHANNELS / 4u) * VECTORS;
    for (var n = 0u; n < fours; n++) {
        let v = n % VECTORS;
        let term = n / VECTORS * 4u; // tap and channel
        let o = first + term % CHANNELS;
        let tap = min(o, params.out_c - 4u) * 9u + 8u - 3u * a - term / CHANNELS;
        let at = tap * params.in_c + min(c + v * LANES, params.in_c - 1u);
        for (var k = 0u; k < 4u; k++) {
            (*taps)[(term + k) * VECTORS + v] = select(0.0, weight[at + k * 9u * params.in_c], o < end);
        }
    }
}

@compute @workgroup_size(LANES)
fn conv2d_grad_input_panel(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let tiles = (params.in_c + VECTORS * LANES - 1u) / (VECTORS * LANES);
    let slice = group.y / tiles;
    let first_c = group.y % tiles * VECTORS * LANES;
    let c = first_c + lane;
    let vectors = min(VECTORS, (params.in_c - first_c + LANES - 1u) / LANES);
    let rows = params.views * params.in_h;
    let first_row = group.x * rows / groups.x;
    let end_row = (group.x + 1u) * rows / groups.x;
    let begin = min(slice * params.slice_o, params.out_c);
    let end = min(begin + params.slice_o, params.out_c);
    var biases = vec4f();
    if (params.has_bias != 0u && slice == 0u) {
        for (var v = 0u; v < VECTORS; v++) {
            biases[v] = bias[min(c + v * LANES, params.in_c - 1u)];
        }
    }
    for (var first_o = begin; first_o < max(end, begin + 1u); first_o += CHANNELS) {
        let is_first = first_o == begin;
        var top = Taps();
        fill(&top, 0u, c, first_o, end);
        var middle = Taps();
        fill(&middle, 1u, c, first_o, end);
        var bottom = Taps();
        fill(&bottom, 2u, c, first_o, end);
        var sums = Sums(); // [b, v], indexed by constants only, so that they stay in registers
        var is_whole = false;
        var pixel = 0u; // whose sums are whole
        for (var row = first_row; row <= end_row; row++) { // the last one only stores
            let first_h = i32(row % params.in_h) + i32(params.pad_top) - 2;
            // number 4 (lane + 8 q) of a column of d_y, if it has that row and channel
            let first = 4u * (lane + vec3u(0u, 8u, 16u));
            let i = vec3u(first_h + vec3i(first / CHANNELS)); // negative ones wrap to beyond the end
            let o = first_o + first % CHANNELS;
            let exists = (first < vec3u(3u * CHANNELS)) & (i < vec3u(params.out_h)) & (o < vec3u(end));
            let line = (row / params.in_h * params.out_h + i) * params.out_w;
            let at_d = select(vec3u(), (line * params.out_c + o) / 4u, exists);
            let steps = select(params.in_w + 2u, 1u, row == end_row);
            for (var step = 0u; step < steps; step++) {
                if (is_whole) {
                    for (var v = 0u; v < vectors; v++) {
                        let sum = whole_vector(&sums, v);
                        let channel = c + v * LANES;
                        if (channel < params.in_c) {
                            d_x[pixel * params.in_c + channel] = sum;
                        }
                    }
                }
                let next_pixel = (slice * rows + row) * params.in_w + step;
                var start = biases;
                if (!is_first && step < params.in_w && row < end_row) {
                    for (var v = 0u; v < VECTORS; v++) {
                        if (c + v * LANES < params.in_c) {
                            start[v] = d_x[next_pixel * params.in_c + c + v * LANES];
                        }
                    }
                }
                next_column(&sums, start);
                let j = step + params.pad_left - 2u;
                let inside = exists & vec3<bool>(j < params.out_w);
                let at = select(vec3u(), at_d + j * (params.out_c / 4u), inside);
                let near = select(vec4f(), d_y[at.x], inside.x);
                var next = vec4f();
                if (CHANNELS > 8u) {
                    next = select(vec4f(), d_y[at.y], inside.y);
                }
                var far = vec4f();
                if (CHANNELS > 16u) {
                    far = select(vec4f(), d_y[at.z], inside.z);
                }
                add_lanes(&sums, &top, &middle, &bottom, 0u, near);
                add_lanes(&sums, &top, &middle, &bottom, 32u, next);
                add_lanes(&sums, &top, &middle, &bottom, 64u, far);
                is_whole = step >= 2u;
                pixel = next_pixel - 2u;
            }
        }
    }
}
