// conv2d — two-dimensional convolution, an implicit product of matrices.
//
//   y[v, i, j, o] = bias[o] + sum_{a, b, c} x[v, h, w, g C' + c] weight[o, a, b, c]
//   h = i s_h - p_t + a d_h,  w = j s_w - p_l + b d_w
//
//   stride s, padding p, dilation d, C' = C / groups, g the group of o; x is 0 outside the image
//
// Layout   x [V, H, W, C]; weight [O, KH, KW, C']; bias [O] or absent; y [slices, V, OH, OW, O]:
//          the sum over c is cut into slices, which the caller adds up in order; the first brings
//          the bias
// Mapping  a workgroup of 16 x 16 owns 64 pixels x 64 channels of y, an invocation 4 x 4 of them,
//          16 apart, so that neighbours store neighbours; x and weight pass through workgroup
//          memory, 16 terms (a, b, c) at a time; grid z = slice x group x tile of channels
// Memory   each number of x is loaded KH KW O' / 64 times, mostly from cache; bound by arithmetic
//          from C' = 16 on
// Source   elementary
// Twin     src/kernels/conv2d.ts

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
override KERNEL_H: u32 = 0u;
override KERNEL_W: u32 = 0u;
override SLICE_C: u32 = 0u;
const SIDE: u32 = 16u; // tune: 16
const TILE: u32 = 4u * SIDE;
// two words of padding a row: the 16 terms that a half-warp stores fall in 16 banks
const PITCH: u32 = TILE + 2u;
var<workgroup> wg_x: array<f32, SIDE * PITCH>; // [k][pixel], 4.1 KiB
var<workgroup> wg_w: array<f32, SIDE * PITCH>; // [k][channel], 4.1 KiB

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

// <lib conv2d_source>
/// Where the taps of four output pixels fall: the view, and the row and column of the first tap.
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

/// A term of the sum: a tap and a channel of the group, one beyond the last where there is none.
struct Term {
    tap: u32,
    c: u32,
}

fn term_of(slice: u32, k: u32) -> Term {
    let slice_c = fixed_or(SLICE_C, params.slice_c);
    let taps = fixed_or(KERNEL_H, params.kernel_h) * fixed_or(KERNEL_W, params.kernel_w);
    let c = slice * slice_c + k % slice_c;
    return Term(k / slice_c, select(params.group_c, c, k < taps * slice_c));
}

/// A term of four pixels
fn load_x(source: Source, first_c: u32, term: Term) -> vec4f {
    let kernel_w = fixed_or(KERNEL_W, params.kernel_w);
    let h = source.top + i32(term.tap / kernel_w * params.dilation_h);
    let w = source.left + i32(term.tap % kernel_w * params.dilation_w);
    let exists = inside(h, w) & vec4<bool>(term.c < params.group_c);
    let row = source.view * params.in_h + vec4u(h);
    let at = (row * params.in_w + vec4u(w)) * params.in_c + first_c + term.c;
    let place = select(vec4u(), at, exists);
    return select(vec4f(), vec4f(x[place.x], x[place.y], x[place.z], x[place.w]), exists);
}

/// A term of four channels' weights
fn load_w(first_o: u32, row: vec4u, term: Term) -> vec4f {
    let taps = fixed_or(KERNEL_H, params.kernel_h) * fixed_or(KERNEL_W, params.kernel_w);
    let exists = (row < vec4u(params.group_o)) & vec4<bool>(term.c < params.group_c);
    let at = ((first_o + row) * taps + term.tap) * params.group_c + term.c;
    let place = select(vec4u(), at, exists);
    return select(
        vec4f(),
        vec4f(weight[place.x], weight[place.y], weight[place.z], weight[place.w]),
        exists,
    );
}

/// Four places SIDE apart
fn quarter(at: u32) -> vec4u { return at + vec4u(0u, SIDE, 2u * SIDE, 3u * SIDE); }

/// Writes four channels of one pixel of a slice of y; the first slice brings the bias.
fn store(slice: u32, pixel: u32, first_o: u32, row: u32, sums: vec4f) {
    let pixels = params.views * params.out_h * params.out_w;
    if (pixel >= pixels) {
        return;
    }
    for (var j = 0u; j < 4u; j++) {
        let o = row + j * SIDE;
        if (o < params.group_o) {
            var start = 0.0;
            if (params.has_bias != 0u && slice == 0u) {
                start = bias[first_o + o];
            }
            y[(slice * pixels + pixel) * params.out_c + first_o + o] = start + sums[j];
        }
    }
}

@compute @workgroup_size(SIDE, SIDE)
fn conv2d(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) lane: vec3u,
) {
    let tiles = (params.group_o + TILE - 1u) / TILE;
    let parts = tiles * (params.out_c / params.group_o);
    let slice = group.z / parts;
    let first_o = group.z % parts / tiles * params.group_o;
    let first_c = group.z % parts / tiles * params.group_c;
    let row = group.z % tiles * TILE;
    let pixel = (group.x + group.y * groups.x) * TILE;
    let source = source_of(quarter(pixel + lane.y));
    let terms = fixed_or(KERNEL_H, params.kernel_h) * fixed_or(KERNEL_W, params.kernel_w)
        * fixed_or(SLICE_C, params.slice_c);
    var tile: array<vec4f, 4>; // [pixel][channel]
    for (var k = 0u; k < terms; k += SIDE) {
        let term = term_of(slice, k + lane.x);
        let staged_x = load_x(source, first_c, term);
        let staged_w = load_w(first_o, quarter(row + lane.y), term);
        // all have read the terms before these
        workgroupBarrier();
        for (var i = 0u; i < 4u; i++) {
            wg_x[lane.x * PITCH + lane.y + i * SIDE] = staged_x[i];
            wg_w[lane.x * PITCH + lane.y + i * SIDE] = staged_w[i];
        }
        // wg_x and wg_w are full
        workgroupBarrier();
        for (var t = 0u; t < SIDE; t++) {
            let at_x = t * PITCH + lane.y;
            let at_w = quarter(t * PITCH + lane.x);
            let columns = vec4f(wg_w[at_w.x], wg_w[at_w.y], wg_w[at_w.z], wg_w[at_w.w]);
            tile[0] += wg_x[at_x] * columns;
            tile[1] += wg_x[at_x + SIDE] * columns;
            tile[2] += wg_x[at_x + 2u * SIDE] * columns;
            tile[3] += wg_x[at_x + 3u * SIDE] * columns;
        }
    }
    for (var i = 0u; i < 4u; i++) {
        store(slice, pixel + lane.y + i * SIDE, first_o, row + lane.x, tile[i]);
    }
}
