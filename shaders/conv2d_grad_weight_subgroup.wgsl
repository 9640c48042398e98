// conv2d_grad_weight_subgroup — conv2d_grad_weight.wgsl with one subgroup per workgroup.
//
//   partials[s, o, a, b, c] = sum_{v, i, j} d_y[v, i, j, o] x[v, h, w, g C' + c]
//   h = i s_h - p_t + a d_h,  w = j s_w - p_l + b d_w,  over the pixels (v, i, j) of slice s
//
//   stride s, padding p, dilation d, C' = C / groups, g the group of o; x is 0 outside the image
//
// Layout   x [V, H, W, C]; d_y [V, OH, OW, O]; partials [slabs, O, KH, KW, C']; slice s holds rows
//          s R to s R + R - 1 of the V OH rows of y; column_sum adds the slices up in order
// Mapping  a workgroup owns 16 channels o x 4 LANES terms (a, b, c) of one slice, each invocation
//          all 16 of 4 terms, LANES apart; per pixel it loads its 4 numbers of x and 4, 2 or 1 of
//          the 16 of d_y (at 4, 8 or more lanes), and takes the others from its neighbours by
//          shuffles; grid: x tiles of terms, y groups x tiles of channels, z slices
// Memory   8 loads for 64 fma at 4 lanes, 6 at 8, 5 from 16 on; for software adapters, where a load
//          costs 8 fma and a broadcast 1
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
@group(0) @binding(2) var<storage, read> d_y: array<f32>;
@group(0) @binding(3) var<storage, read_write> partials: array<f32>;

override GROUP_C: u32 = 0u; // 0: read at run time
override KERNEL_W: u32 = 0u;
override LANES: u32 = 8u; // of a subgroup: 4 to 64; the workgroup is exactly one
const ROWS: u32 = 16u; // tune: 16

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

// <lib conv2d_term>
/// The image positions of four terms (a, b, c) of the weight, for the pixel of y at (0, 0).
struct Term {
    h: vec4i,
    w: vec4i,
    c: vec4u,
    exists: vec4<bool>,
}

fn term_of(n: vec4u) -> Term {
    let group_c = fixed_or(GROUP_C, params.group_c);
    let kernel_w = fixed_or(KERNEL_W, params.kernel_w);
    let tap = n / group_c;
    let a = tap / kernel_w;
    let h = vec4i(a * params.dilation_h) - i32(params.pad_top);
    let w = vec4i((tap - a * kernel_w) * params.dilation_w) - i32(params.pad_left);
    return Term(h, w, n - tap * group_c, a < vec4u(params.kernel_h));
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

// <lib conv2d_store_terms>
/// Writes four terms of one row of the partials.
fn store(first: u32, n: vec4u, terms: u32, sums: vec4f) {
    for (var j = 0u; j < 4u; j++) {
        if (n[j] < terms) {
            partials[first + n[j]] = sums[j];
        }
    }
}
// </lib>

@compute @workgroup_size(LANES)
fn conv2d_grad_weight_subgroup(
    @builtin(workgroup_id) group: vec3u,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let terms = params.kernel_h * params.kernel_w * params.group_c;
    let tiles = (params.group_o + ROWS - 1u) / ROWS;
    let first_o = group.y / tiles * params.group_o;
    let first_c = group.y / tiles * params.group_c;
    let row = group.y % tiles * ROWS;
    let n = group.x * 4u * LANES + lane + vec4u(0u, LANES, 2u * LANES, 3u * LANES);
    let term = term_of(n);
    // rows beyond the last channel compute it again and are not stored
    let rows = first_o + min(row + rows_of(lane), vec4u(params.group_o - 1u));
    var tile: array<vec4f, ROWS>; // indexed by constants only, so that it stays in registers
    let begin = group.z * params.slab_rows;
    let end = min(begin + params.slab_rows, params.views * params.out_h);
    for (var line = begin; line < end; line++) {
        // negative rows and columns wrap to beyond the end
        let h = vec4u(i32(line % params.out_h * params.stride_h) + term.h);
        let in_rows = term.exists & (h < vec4u(params.in_h));
        let first = (line / params.out_h * params.in_h + h) * params.in_w;
        for (var j = 0u; j < params.out_w; j++) {
            let w = vec4u(i32(j * params.stride_w) + term.w);
            let exists = in_rows & (w < vec4u(params.in_w));
            let at = select(vec4u(), (first + w) * params.in_c + first_c + term.c, exists);
            let loaded = vec4f(x[at.x], x[at.y], x[at.z], x[at.w]);
            let columns = select(vec4f(), loaded, exists);
            let at_y = (line * params.out_w + j) * params.out_c + rows;
            var gradients = vec4f(d_y[at_y.x], 0.0, 0.0, 0.0);
            if (LANES < 16u) {
                gradients.y = d_y[at_y.y];
            }
            if (LANES < 8u) {
                gradients.z = d_y[at_y.z];
                gradients.w = d_y[at_y.w];
            }
            outer(&tile, gradients, columns);
        }
    }
    let beyond = min(row + ROWS, params.group_o);
    for (var o = row; o < beyond; o++) { // not unrolled, which compilers take long to do
        store((group.z * params.out_c + first_o + o) * terms, n, terms, tile[o - row]);
    }
}
