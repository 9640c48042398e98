// conv2d_grad_input_depthwise — gradient for the input where outputs see one input channel each.
//
//   d_x[v, h, w, c] = bias[c] + sum_{a, b, o} d_y[v, i, j, o] weight[o, a, b]
//   over the taps and pixels with h = i s_h - p_t + a d_h,  w = j s_w - p_l + b d_w
//
//   stride s, padding p, dilation d, o over the O / C channels made of c; the bias is that of the
//   transposed convolution, which is this very sum
//
// Layout   d_y [V, OH, OW, O]; weight [O, KH, KW, 1]; bias [C] or absent; d_x [V, H, W, C]
// Mapping  an invocation owns one channel of 4 pixels of a row, a stride apart, so that a tap
//          reaches all of them or none; neighbours own neighbouring channels
// Memory   5 loads for 4 fma, most of them from cache; bound by bandwidth
// Source   elementary
// Twin     src/kernels/convolution/conv2d_grad_input.ts

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
    slice_o: u32,
    has_bias: u32, // 0 or 1
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> d_y: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> d_x: array<f32>;

override IN_H: u32 = 0u; // 0: read at run time
override IN_W: u32 = 0u;
override IN_C: u32 = 0u;
override STRIDE_H: u32 = 0u;
override STRIDE_W: u32 = 0u;
override WG: u32 = 64u; // invocations per workgroup

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

@compute @workgroup_size(WG)
fn conv2d_grad_input_depthwise(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let in_c = fixed_or(IN_C, params.in_c);
    let in_w = fixed_or(IN_W, params.in_w);
    let in_h = fixed_or(IN_H, params.in_h);
    let stride_h = fixed_or(STRIDE_H, params.stride_h);
    let stride_w = fixed_or(STRIDE_W, params.stride_w);
    let strips = (in_w + 4u * stride_w - 1u) / (4u * stride_w) * stride_w;
    let index = (group.x + group.y * groups.x) * WG + lane;
    let c = index % in_c;
    let strip = index / in_c % strips;
    let line = index / in_c / strips; // view and row of d_x
    if (line >= params.views * in_h) {
        return;
    }
    let first = strip / stride_w * 4u + vec4u(0u, 1u, 2u, 3u); // columns of d_x, in strides
    var start = 0.0;
    if (params.has_bias != 0u) {
        start = bias[c];
    }
    var sums = vec4f(start);
    for (var a = 0u; a < params.kernel_h; a++) {
        let h = i32(line % in_h + params.pad_top) - i32(a * params.dilation_h);
        let row = u32(h / i32(stride_h));
        if (h < 0 || h % i32(stride_h) != 0 || row >= params.out_h) {
            continue;
        }
        let start = (line / in_h * params.out_h + row) * params.out_w;
        for (var b = 0u; b < params.kernel_w; b++) {
            let w = i32(strip % stride_w + params.pad_left) - i32(b * params.dilation_w);
            if (w % i32(stride_w) != 0) {
                continue;
            }
            // negative columns wrap to beyond the end
            let column = vec4u(vec4i(first) + w / i32(stride_w));
            let exists = column < vec4u(params.out_w);
            for (var o = c * params.group_o; o < (c + 1u) * params.group_o; o++) {
                let at = select(vec4u(), (start + column) * params.out_c + o, exists);
                let loaded = vec4f(d_y[at.x], d_y[at.y], d_y[at.z], d_y[at.w]);
                sums += weight[(o * params.kernel_h + a) * params.kernel_w + b]
                    * select(vec4f(), loaded, exists);
            }
        }
    }
    let w = first * stride_w + strip % stride_w;
    for (var j = 0u; j < 4u; j++) {
        if (w[j] < in_w) {
            d_x[(line * in_w + w[j]) * in_c + c] = sums[j];
        }
    }
}
