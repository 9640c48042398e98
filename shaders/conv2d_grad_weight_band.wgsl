// conv2d_grad_weight_band — conv2d_grad_weight.wgsl for 3x3 weights: several rows of y at once
//
//   partials[s, o, a, b, c] = sum_{v, i, j} d_y[v, i, j, o] x[v, h, w, g C' + c]
//   h = i - p_t + a,  w = j - p_l + b,  over the pixels (v, i, j) of slice s
//
//   stride 1, padding p, C' = C / groups, g the group of o; x is 0 outside the image
//
// Layout   x [V, H, W, C]; d_y [V, OH, OW, O], O / groups a multiple of four; partials [slabs, O, 3,
//          3, C']; slice s holds rows s R to s R + R - 1 of the V OH rows of y; column_sum adds the
//          slices up in order
// Mapping  a workgroup is one subgroup of 8 lanes, which are channels c; an invocation owns all taps
//          of its channel for CHANNELS channels o. It walks along bands of ROWS rows of y: per step it
//          loads one column of x, keeps two, and takes a column of d_y by broadcasts, of which each
//          lane loads another vector; grid: x tiles of C', y groups x tiles of channels o, z slices
// Memory   ROWS + 2 loads of one number and one of 16 bytes for 288 fma; for software adapters, where
//          a load costs 50 fma and a sum that a loop carries 1.5: hence several rows of y per step.
//          Its code is short: some processors run long loops at half the speed
// Source   elementary
// Twin     src/kernels/convolution/conv2d_grad_weight.ts

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
    slab_rows: u32, // rows of y (all views') in a slice
    slabs: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> d_y: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> partials: array<f32>;

override LANES: u32 = 8u; // of a subgroup, 8 only; the workgroup is exactly one
const ROWS: u32 = 4u; // tune: 2 4
const CHANNELS: u32 = 32u / ROWS; // so that one load is a column of d_y
const HEIGHT: u32 = ROWS + 2u; // rows of x that a band meets
alias Sums = array<f32, 9u * CHANNELS>; // channel o, tap; indexed by constants only, so that they stay in registers
alias Columns = array<f32, 3u * HEIGHT>; // three columns of x

/// Adds a column of a band to a tap of channel o.
fn add_tap(sums: ptr<function, Sums>, columns: ptr<function, Columns>, o: u32, a: u32, b: u32, d: vec4f) {
    let at = 9u * o + 3u * a + b;
    let first = b * HEIGHT + a;
    var sum = fma(d.x, (*columns)[first], (*sums)[at]);
    sum = fma(d.y, (*columns)[first + 1u], sum);
    if (ROWS > 2u) {
        sum = fma(d.z, (*columns)[first + 2u], sum);
        sum = fma(d.w, (*columns)[first + 3u], sum);
    }
    (*sums)[at] = sum;
}

/// Adds a column of a band, one number per row, to the taps of channel o.
fn add_channel(sums: ptr<function, Sums>, columns: ptr<function, Columns>, o: u32, d: vec4f) {
    add_tap(sums, columns, o, 0u, 0u, d);
    add_tap(sums, columns, o, 0u, 1u, d);
    add_tap(sums, columns, o, 0u, 2u, d);
    add_tap(sums, columns, o, 1u, 0u, d);
    add_tap(sums, columns, o, 1u, 1u, d);
    add_tap(sums, columns, o, 1u, 2u, d);
    add_tap(sums, columns, o, 2u, 0u, d);
    add_tap(sums, columns, o, 2u, 1u, d);
    add_tap(sums, columns, o, 2u, 2u, d);
}

/// Adds a column of a band, one vector per row, to four channels from channel `first` on.
fn add_channels(sums: ptr<function, Sums>, columns: ptr<function, Columns>, first: u32, p: vec4f, q: vec4f, r: vec4f, s: vec4f) {
    add_channel(sums, columns, first, vec4f(p.x, q.x, r.x, s.x));
    add_channel(sums, columns, first + 1u, vec4f(p.y, q.y, r.y, s.y));
    add_channel(sums, columns, first + 2u, vec4f(p.z, q.z, r.z, s.z));
    add_channel(sums, columns, first + 3u, vec4f(p.w, q.w, r.w, s.w));
}

@compute @workgroup_size(LANES)
fn conv2d_grad_weight_band(
    @builtin(workgroup_id) group: vec3u,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let tiles = (params.group_o + CHANNELS - 1u) / CHANNELS;
    let first_o = group.y / tiles * params.group_o;
    let row = group.y % tiles * CHANNELS;
    let c = group.x * LANES + lane;
    let at_c = group.y / tiles * params.group_c + min(c, params.group_c - 1u);
    // a lane loads four channels of d_y of one row of the band; channels beyond the last repeat it
    // and are not stored
    let j = lane % ROWS;
    let at_o = (first_o + min(row + lane / ROWS * 4u, params.group_o - 4u)) / 4u;
    let pitch = params.out_c / 4u;
    var sums: Sums;
    let end = min((group.z + 1u) * params.slab_rows, params.views * params.out_h);
    var line = group.z * params.slab_rows; // of all views
    while (line < end) {
        let view = line / params.out_h;
        let i = line - view * params.out_h;
        let rows = min(ROWS, min(end - line, params.out_h - i)); // a band does not reach into the next view
        let top = i - params.pad_top; // negative ones wrap to beyond the end
        var exists: array<bool, HEIGHT>;
        for (var r = 0u; r < HEIGHT; r++) {
            exists[r] = top + r < params.in_h && r < rows + 2u;
        }
        let at_x = (view * params.in_h + top) * params.in_w * params.in_c + at_c; // wraps with top
        let given = j < rows;
        let at_d = (line + j) * params.out_w * pitch + at_o;
        var columns: Columns;
        for (var step = 0u; step < params.out_w + 2u; step++) {
            let w = step - params.pad_left; // negative ones wrap to beyond the end
            for (var r = 0u; r < HEIGHT; r++) {
                columns[r] = columns[HEIGHT + r];
                columns[HEIGHT + r] = columns[2u * HEIGHT + r];
                let inside = exists[r] && w < params.in_w;
                let at = select(0u, at_x + (r * params.in_w + w) * params.in_c, inside);
                columns[2u * HEIGHT + r] = select(0.0, x[at], inside);
            }
            if (step >= 2u) { // a column of y has met its three columns of x
                let d = select(vec4f(), d_y[select(0u, at_d + (step - 2u) * pitch, given)], given);
                let v = array(
                    subgroupBroadcast(d, 0u),
                    subgroupBroadcast(d, 1u),
                    subgroupBroadcast(d, 2u),
                    subgroupBroadcast(d, 3u),
                    subgroupBroadcast(d, 4u),
                    subgroupBroadcast(d, 5u),
                    subgroupBroadcast(d, 6u),
                    subgroupBroadcast(d, 7u),
                );
                if (ROWS == 4u) {
                    add_channels(&sums, &columns, 0u, v[0], v[1], v[2], v[3]);
                    add_channels(&sums, &columns, 4u, v[4], v[5], v[6], v[7]);
                } else {
                    add_channels(&sums, &columns, 0u, v[0], v[1], vec4f(), vec4f());
                    add_channels(&sums, &columns, 4u, v[2], v[3], vec4f(), vec4f());
                    add_channels(&sums, &columns, 8u, v[4], v[5], vec4f(), vec4f());
                    add_channels(&sums, &columns, 12u, v[6], v[7], vec4f(), vec4f());
                }
            }
        }
        line += rows;
    }
    if (c >= params.group_c) {
        return;
    }
    let beyond = 9u * min(CHANNELS, params.group_o - row);
    let at = (group.z * params.out_c + first_o + row) * 9u * params.group_c + c;
    for (var m = 0u; m < beyond; m++) { // not unrolled, which compilers take long to do
        partials[at + m * params.group_c] = sums[m];
    }
}
