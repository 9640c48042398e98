// conv2d_depthwise — convolution where each output channel sees one input channel.
//
//   y[v, i, j, o] = bias[o] + sum_{a, b} x[v, h, w, o / m] weight[o, a, b]
//   h = i s_h - p_t + a d_h,  w = j s_w - p_l + b d_w
//
//   with RELU max(y, 0);  stride s, padding p, dilation d, m = O / C; x is 0 outside the image
//
// Layout   x [V, H, W, C]; weight [O, KH, KW, 1]; bias [O] or absent; y [V, OH, OW, O]
// Mapping  an invocation owns one channel of 4 pixels side by side; neighbours own neighbouring
//          channels
// Memory   5 loads for 4 fma, those of x from cache for all taps but the first; bound by bandwidth
// Source   elementary
// Twin     src/kernels/convolution/conv2d.ts

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
    slices: u32,   // always 1
    slice_c: u32,
    has_bias: u32, // 0 or 1
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

override OUT_H: u32 = 0u; // 0: read at run time
override OUT_W: u32 = 0u;
override OUT_C: u32 = 0u;
override WG: u32 = 64u; // invocations per workgroup

// <lib conv2d_rectified>
override RELU: bool = false; // y is max(y, 0)

/// v or, with RELU, max(v, 0); by its bits, so that NaN stays
fn rectified(v: f32) -> f32 {
    let bits = bitcast<u32>(v);
    return select(v, 0.0, RELU && bits >= 0x80000000u && bits <= 0xff800000u);
}
// </lib>

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

@compute @workgroup_size(WG)
fn conv2d_depthwise(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let out_c = fixed_or(OUT_C, params.out_c);
    let out_w = fixed_or(OUT_W, params.out_w);
    let out_h = fixed_or(OUT_H, params.out_h);
    let strips = (out_w + 3u) / 4u;
    let index = (group.x + group.y * groups.x) * WG + lane;
    let o = index % out_c;
    let row = index / out_c / strips; // view and row of y
    if (row >= params.views * out_h) {
        return;
    }
    let c = o / params.group_o;
    let column = index / out_c % strips * 4u;
    let top = i32(row % out_h * params.stride_h) - i32(params.pad_top);
    let left = vec4i((column + vec4u(0u, 1u, 2u, 3u)) * params.stride_w) - i32(params.pad_left);
    var start = 0.0;
    if (params.has_bias != 0u) {
        start = bias[o];
    }
    var sums = vec4f(start);
    for (var a = 0u; a < params.kernel_h; a++) {
        let h = u32(top + i32(a * params.dilation_h)); // negative rows wrap to beyond the end
        if (h >= params.in_h) {
            continue;
        }
        let first = (row / out_h * params.in_h + h) * params.in_w;
        for (var b = 0u; b < params.kernel_w; b++) {
            let w = vec4u(left + i32(b * params.dilation_w));
            let exists = w < vec4u(params.in_w);
            let place = select(vec4u(), (first + w) * params.in_c + c, exists);
            let columns = vec4f(x[place.x], x[place.y], x[place.z], x[place.w]);
            sums += weight[(o * params.kernel_h + a) * params.kernel_w + b]
                * select(vec4f(), columns, exists);
        }
    }
    for (var j = 0u; j < 4u; j++) {
        if (column + j < out_w) {
            y[(row * out_w + column + j) * out_c + o] = rectified(sums[j]);
        }
    }
}
