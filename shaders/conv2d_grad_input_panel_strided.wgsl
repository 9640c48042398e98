// conv2d_grad_input_panel_strided — conv2d_grad_input_panel.wgsl for stride 2: four pixels per step
//
//   d_x[v, h, w, c] = bias[c] + sum_{a, b, o} d_y[v, i, j, o] weight[o, a, b, c]
//   over the taps with 2 i = h + p_t - a and 2 j = w + p_l - b
//
//   padding p; d_y is 0 outside the map; the bias is that of the transposed convolution, which is
//   this very sum
//
// Layout   d_y [V, H', W', O]; weight [O, 3, 3, C]; bias [C] or absent; d_x [slices, V, H, W, C]:
//          the sum over o is cut into slices, which the caller adds up in order; the first brings
//          the bias; O and the channels of a slice are multiples of four
// Mapping  as conv2d_grad_input_panel.wgsl: a workgroup is one subgroup of 8 lanes, which are
//          channels of d_x; an invocation copies its weights of CHANNELS channels o into arrays,
//          then walks along pairs of rows of d_x, the rows with h + p_t = 2 i and 2 i + 1: of column
//          j of d_y the subgroup loads the rows i - 1 and i, each number once, and broadcasts it to
//          the sums of the columns with w + p_l = 2 j to 2 j + 2; grid x = pairs of rows, y = slice
//          x tile of channels
// Memory   at most 2 loads of 16 bytes for 288 VECTORS fma on 32 channels; for software adapters,
//          whose loads from buffers take as long as 60 products
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
const VECTORS: u32 = 2u; // tune: 1 2 3 4

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

// <lib panel_taps_spread>
/// The vectors of two rows of three columns, of which the first two are whole after a step.
alias Sums = array<f32, 24>;

/// Adds a number of the map to three columns of a row of sums.
fn add_number(sums: ptr<function, Sums>, first: u32, taps: ptr<function, Taps>, o: u32, number: f32) {
    add_tap(sums, first, taps, 0u, o, number);
    add_tap(sums, first + 4u, taps, 1u, o, number);
    add_tap(sums, first + 8u, taps, 2u, o, number);
}

fn add_numbers(sums: ptr<function, Sums>, first: u32, taps: ptr<function, Taps>, o: u32, numbers: vec4f) {
    add_number(sums, first, taps, o, numbers.x);
    add_number(sums, first, taps, o + 1u, numbers.y);
    add_number(sums, first, taps, o + 2u, numbers.z);
    add_number(sums, first, taps, o + 3u, numbers.w);
}

/// Adds four numbers of the map, from number `first` of a column's 2 x CHANNELS on: those of its upper
/// row meet the bottom taps of the first row of sums, those of its lower row the others of both.
fn add_four(sums: ptr<function, Sums>, top: ptr<function, Taps>, middle: ptr<function, Taps>, bottom: ptr<function, Taps>, first: u32, numbers: vec4f) {
    if (first < CHANNELS) {
        add_numbers(sums, 0u, bottom, first, numbers);
    } else if (first < 2u * CHANNELS) {
        add_numbers(sums, 0u, top, first - CHANNELS, numbers);
        add_numbers(sums, 12u, middle, first - CHANNELS, numbers);
    }
}

/// A vector of a pixel that is whole: one of two columns of the row whose sums begin at `first`.
/// Selections, because an index costs software adapters a load per number.
fn whole_vector(sums: ptr<function, Sums>, first: u32, column: u32, v: u32) -> f32 {
    let near = vec4f((*sums)[first], (*sums)[first + 1u], (*sums)[first + 2u], (*sums)[first + 3u]);
    let far = vec4f((*sums)[first + 4u], (*sums)[first + 5u], (*sums)[first + 6u], (*sums)[first + 7u]);
    let both = select(near, far, column == 1u);
    let low = select(both.x, both.y, v == 1u);
    return select(low, select(both.z, both.w, v == 3u), v >= 2u);
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
        let tap = min(o, params.out_c - 4u) * 9u + 3u * a + term / CHANNELS;
        let at = tap * params.in_c + min(c + v * LANES, params.in_c - 1u);
        for (var k = 0u; k < 4u; k++) {
            (*taps)[(term + k) * VECTORS + v] = select(0.0, weight[at + k * 9u * params.in_c], o < end);
        }
    }
}

@compute @workgroup_size(LANES)
fn conv2d_grad_input_panel_strided(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let tiles = (params.in_c + VECTORS * LANES - 1u) / (VECTORS * LANES);
    let slice = group.y / tiles;
    let first_c = group.y % tiles * VECTORS * LANES;
    let c = first_c + lane;
    let vectors = min(VECTORS, (params.in_c - first_c + LANES - 1u) / LANES);
    // pairs of rows, and of columns, from the first that hold a pixel on
    let first_i = params.pad_top / 2u;
    let first_j = params.pad_left / 2u;
    let pairs = (params.in_h + params.pad_top - 1u) / 2u - first_i + 1u;
    let end_j = (params.in_w + params.pad_left - 1u) / 2u + 1u;
    let all = params.views * pairs;
    let first_pair = group.x * all / groups.x;
    let end_pair = (group.x + 1u) * all / groups.x;
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
        // of two rows, the two columns of this step and the first of the next; indexed by constants
        // only, so that they stay in registers
        var sums = Sums();
        var is_whole = false;
        var whole_rows = 0u; // of the view and slice of the pixels whose sums are whole
        var whole_h = 0u;    // of the first of them
        var whole_w = 0u;
        for (var pair = first_pair; pair <= end_pair; pair++) { // the last one only stores
            let is_real = pair < end_pair;
            let view = pair / pairs;
            let i = first_i + pair % pairs;
            // number 4 (lane + 8 q) of a column of d_y, if it has that row and channel
            let first = 4u * (lane + vec2u(0u, 8u));
            let line = i - 1u + first / CHANNELS; // a negative one wraps to beyond the end
            let o = first_o + first % CHANNELS;
            let is_inside = (first < vec2u(2u * CHANNELS)) & (line < vec2u(params.out_h)) & (o < vec2u(end));
            let exists = is_inside & vec2<bool>(is_real);
            let at_row = (view * params.out_h + line) * params.out_w;
            let at_d = select(vec2u(), (at_row * params.out_c + o) / 4u, exists);
            let rows = (slice * params.views + view) * params.in_h;
            let h = 2u * i - params.pad_top; // of the first row; a negative one wraps
            // from the column before the first pair on, which adds to the first of that
            let end_step = select(first_j, end_j, is_real);
            for (var step = first_j; step <= end_step; step++) {
                if (is_whole) {
                    for (var n = 0u; n < 4u * vectors; n++) {
                        let v = n / 4u;
                        let upper = whole_vector(&sums, 0u, n % 2u, v);
                        let sum = select(upper, whole_vector(&sums, 12u, n % 2u, v), n % 4u >= 2u);
                        let pixel_h = whole_h + n % 4u / 2u;
                        let pixel_w = whole_w + n % 2u;
                        let channel = c + v * LANES;
                        if (pixel_h < params.in_h && pixel_w < params.in_w && channel < params.in_c) {
                            let pixel = (whole_rows + pixel_h) * params.in_w + pixel_w;
                            d_x[pixel * params.in_c + channel] = sum;
                        }
                    }
                }
                let j = step - 1u;
                let w = 2u * j - params.pad_left; // of the first column
                var starts: array<vec4f, 4>; // of the second column and the next, of both rows
                for (var q = 0u; q < 4u; q++) {
                    starts[q] = biases;
                    let start_h = h + q / 2u;
                    let start_w = w + 1u + q % 2u;
                    if (!is_first && is_real && start_h < params.in_h && start_w < params.in_w) {
                        let pixel = (rows + start_h) * params.in_w + start_w;
                        for (var v = 0u; v < VECTORS; v++) {
                            if (c + v * LANES < params.in_c) {
                                starts[q][v] = d_x[pixel * params.in_c + c + v * LANES];
                            }
                        }
                    }
                }
                for (var v = 0u; v < VECTORS; v++) {
                    sums[v] = sums[8u + v];
                    sums[4u + v] = starts[0][v];
                    sums[8u + v] = starts[1][v];
                    sums[12u + v] = sums[20u + v];
                    sums[16u + v] = starts[2][v];
                    sums[20u + v] = starts[3][v];
                }
                let inside = exists & vec2<bool>(j < params.out_w);
                let at = select(vec2u(), at_d + j * (params.out_c / 4u), inside);
                let near = select(vec4f(), d_y[at.x], inside.x);
                var far = vec4f();
                if (CHANNELS > 16u) {
                    far = select(vec4f(), d_y[at.y], inside.y);
                }
                add_lanes(&sums, &top, &middle, &bottom, 0u, near);
                add_lanes(&sums, &top, &middle, &bottom, 32u, far);
                is_whole = step > first_j;
                whole_rows = rows;
                whole_h = h;
                whole_w = w;
            }
        }
    }
}
