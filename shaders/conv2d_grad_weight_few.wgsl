// conv2d_grad_weight_few — conv2d_grad_weight.wgsl for up to four channels of y, loads of four
//
//   partials[s, o, a, b, c] = sum_{v, i, j} d_y[v, i, j, o] x[v, h, w, g C' + c]
//   h = i s_h - p_t + a d_h,  w = j s_w - p_l + b d_w,  over the pixels (v, i, j) of slice s
//
//   stride s, padding p, dilation d, C' = C / groups, g the group of o; x is 0 outside the image
//
// Layout   x [V, H, W, C]; d_y [V, OH, OW, O]; partials [slabs, O, KH, KW, C'], x and partials in
//          vectors of four, O any number; slice s holds rows s R to s R + R - 1 of the V OH rows of
//          y; column_sum adds the slices up in order
// Mapping  a workgroup is one subgroup of 8 lanes and owns 4 channels o x 8 vectors of terms (a, b,
//          c) of one slice, an invocation all 4 of its vector; for two pixels of a row of y it loads
//          two vectors of x and one number of d_y, and takes the others from its neighbours by
//          broadcasts; grid: x tiles of terms, y groups x tiles of channels, z slices
// Memory   9 loads for 32 fma, where conv2d_grad_weight_subgroup.wgsl has 12 and computes 16
//          channels; for software adapters
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
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> d_y: array<f32>;
@group(0) @binding(3) var<storage, read_write> partials: array<vec4f>;

override GROUP_C: u32 = 0u; // 0: read at run time
override KERNEL_W: u32 = 0u;
override LANES: u32 = 8u; // of a subgroup, 8 only; the workgroup is exactly one
const ROWS: u32 = 4u; // host: channels of a tile
/// Vectors of terms per invocation.

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
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

/// The image position of four terms (a, b, c) of the weight, for the pixel of y at (0, 0).
struct Terms {
    h: i32,
    w: i32,
    c: u32, // of a vector of four channels
    exists: bool,
}

fn terms_of(n: u32) -> Terms {
    let group_c = fixed_or(GROUP_C, params.group_c);
    let kernel_w = fixed_or(KERNEL_W, params.kernel_w);
    let tap = n / group_c;
    let a = tap / kernel_w;
    let h = i32(a * params.dilation_h) - i32(params.pad_top);
    let w = i32((tap - a * kernel_w) * params.dilation_w) - i32(params.pad_left);
    return Terms(h, w, (n - tap * group_c) / 4u, a < params.kernel_h);
}

/// Four numbers of x at a column of the row that begins at `row`; 0 outside the image.
fn seen(column: i32, row: u32, at_c: u32, in_rows: bool) -> vec4f {
    let w = u32(column); // negative columns wrap to beyond the end
    var numbers = vec4f();
    if (in_rows & (w < params.in_w)) { // where there is nothing to see, a load is skipped
        numbers = x[(row + w) * (params.in_c / 4u) + at_c];
    }
    return numbers;
}

/// A number of d_y in a row of all views; 0 beyond its end.
fn gradient(line: u32, j: u32, o: u32) -> f32 {
    var number = 0.0;
    if (j < params.out_w) {
        number = d_y[(line * params.out_w + j) * params.out_c + o];
    }
    return number;
}

@compute @workgroup_size(LANES)
fn conv2d_grad_weight_few(
    @builtin(workgroup_id) group: vec3u,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let terms = params.kernel_h * params.kernel_w * params.group_c;
    let tiles = (params.group_o + ROWS - 1u) / ROWS;
    let first_o = group.y / tiles * params.group_o;
    let first_c = group.y / tiles * params.group_c / 4u;
    let row = group.y % tiles * ROWS;
    let n = 4u * (group.x * LANES + lane);
    let own = terms_of(n);
    // lanes 0 to 3 hold the channels of the even pixel, 4 to 7 those of the odd one; those beyond the
    // last repeat it and are not stored
    let ahead = lane / 4u;
    let at_o = first_o + min(row + lane % 4u, params.group_o - 1u);
    var tile: array<vec4f, ROWS>;
    let begin = group.z * params.slab_rows;
    let end = min(begin + params.slab_rows, params.views * params.out_h);
    for (var line = begin; line < end; line++) {
        let view = line / params.out_h;
        let i = i32((line - view * params.out_h) * params.stride_h);
        let h = u32(i + own.h); // negative rows wrap to beyond the end
        let in_rows = own.exists & (h < params.in_h);
        let first = (view * params.in_h + h) * params.in_w;
        for (var j = 0u; j < params.out_w; j += 2u) {
            let w = i32(j * params.stride_w) + own.w;
            let even = seen(w, first, first_c + own.c, in_rows);
            let has_odd = j + 1u < params.out_w;
            let odd = seen(w + i32(params.stride_w), first, first_c + own.c, in_rows & has_odd);
            let d = gradient(line, j + ahead, at_o);
            let d_even = lanes_0(d);
            let d_odd = lanes_4(d);
            tile[0] = fma(vec4f(d_odd.x), odd, fma(vec4f(d_even.x), even, tile[0]));
            tile[1] = fma(vec4f(d_odd.y), odd, fma(vec4f(d_even.y), even, tile[1]));
            tile[2] = fma(vec4f(d_odd.z), odd, fma(vec4f(d_even.z), even, tile[2]));
            tile[3] = fma(vec4f(d_odd.w), odd, fma(vec4f(d_even.w), even, tile[3]));
        }
    }
    if (!own.exists) {
        return;
    }
    for (var r = 0u; r < ROWS; r++) {
        if (row + r < params.group_o) {
            partials[((group.z * params.out_c + first_o + row + r) * terms + n) / 4u] = tile[r];
        }
    }
}
