// conv2d_subgroup — conv2d.wgsl with one subgroup per workgroup, no workgroup memory.
//
//   y[v, i, j, o] = bias[o] + sum_{a, b, c} x[v, h, w, g C' + c] weight[o, a, b, c]
//   h = i s_h - p_t + a d_h,  w = j s_w - p_l + b d_w
//
//   with RELU max(y, 0);  stride s, padding p, dilation d, C' = C / groups, g the group of o; x is 0 outside the image
//
// Layout   x [V, H, W, C]; weight [O, KH, KW, C']; bias [O] or absent; y [slices, V, OH, OW, O]:
//          the sum over c is cut into slices, which the caller adds up in order; the first brings
//          the bias
// Mapping  a workgroup owns 4 LANES pixels x 16 channels of y, each invocation 4 pixels of all 16;
//          per term it loads its 4 numbers of x and 4, 2 or 1 of the 16 weights (at 4, 8 or more
//          lanes), and takes the others from its neighbours by broadcasts; grid z = slice x group x
//          tile of channels
// Memory   8 loads for 64 fma at 4 lanes, 6 at 8, 5 from 16 on; for software adapters, where a load
//          costs 8 fma and a broadcast 1
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
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

override OUT_H: u32 = 0u; // 0: read at run time
override OUT_W: u32 = 0u;
override LANES: u32 = 8u; // of a subgroup: 4 to 64; the workgroup is exactly one
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

// <lib rows_subgroup>
/// The rows of a tile of 16 whose values a lane holds: one, two or four of them, as the subgroup is
/// 16 or more, 8 or 4 lanes wide. The others repeat.
fn rows_of(lane: u32) -> vec4u {
    return (lane + vec4u(0u, LANES, 2u * LANES, 3u * LANES)) % 16u;
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

// <lib outer_subgroup>
/// Adds rows x columns to a tile: row r lies in lane r mod LANES, in part r / LANES of its four;
/// the columns are the lane's own.
fn outer(tile: ptr<function, array<vec4f, 16>>, rows: vec4f, columns: vec4f) {
    add_rows(tile, 0u, lanes_0(rows.x), columns);
    if (LANES == 4u) {
        add_rows(tile, 4u, lanes_0(rows.y), columns);
        add_rows(tile, 8u, lanes_0(rows.z), columns);
        add_rows(tile, 12u, lanes_0(rows.w), columns);
    } else if (LANES == 8u) {
        add_rows(tile, 4u, lanes_4(rows.x), columns);
        add_rows(tile, 8u, lanes_0(rows.y), columns);
        add_rows(tile, 12u, lanes_4(rows.y), columns);
    } else {
        add_rows(tile, 4u, lanes_4(rows.x), columns);
        add_rows(tile, 8u, lanes_8(rows.x), columns);
        add_rows(tile, 12u, lanes_12(rows.x), columns);
    }
}

/// Adds four rows x columns to a tile, from row `first` on.
fn add_rows(tile: ptr<function, array<vec4f, 16>>, first: u32, rows: vec4f, columns: vec4f) {
    (*tile)[first] = fma(vec4f(rows.x), columns, (*tile)[first]);
    (*tile)[first + 1u] = fma(vec4f(rows.y), columns, (*tile)[first + 1u]);
    (*tile)[first + 2u] = fma(vec4f(rows.z), columns, (*tile)[first + 2u]);
    (*tile)[first + 3u] = fma(vec4f(rows.w), columns, (*tile)[first + 3u]);
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

@compute @workgroup_size(LANES)
fn conv2d_subgroup(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let pixel = ((group.x + group.y * groups.x) * LANES + lane) * 4u + vec4u(0u, 1u, 2u, 3u);
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
    let rows = first_o + min(row + rows_of(lane), vec4u(params.group_o - 1u));
    let taps = params.kernel_h * params.kernel_w;
    var tile: array<vec4f, ROWS>; // indexed by constants only, so that it stays in registers
    for (var tap = 0u; tap < taps; tap++) {
        let h = source.top + i32(tap / params.kernel_w * params.dilation_h);
        let w = source.left + i32(tap % params.kernel_w * params.dilation_w);
        let exists = inside(h, w);
        let at = ((source.view * params.in_h + vec4u(h)) * params.in_w + vec4u(w)) * params.in_c;
        let at_x = select(vec4u(), at + first_c, exists);
        let at_w = (rows * taps + tap) * params.group_c;
        for (var c = begin; c < end; c++) {
            let place = at_x + c;
            let columns = vec4f(x[place.x], x[place.y], x[place.z], x[place.w]);
            var weights = vec4f(weight[at_w.x + c], 0.0, 0.0, 0.0);
            if (LANES < 16u) {
                weights.y = weight[at_w.y + c];
            }
            if (LANES < 8u) {
                weights.z = weight[at_w.z + c];
                weights.w = weight[at_w.w + c];
            }
            outer(&tile, weights, select(vec4f(), columns, exists));
        }
    }
    for (var r = 0u; r < ROWS; r++) {
        if (row + r < params.group_o) {
            store(slice, pixel, first_o + row + r, tile[r]);
        }
    }
}
