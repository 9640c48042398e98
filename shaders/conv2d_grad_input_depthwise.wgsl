// conv2d_grad_input_depthwise — gradient by the input of a convolution whose outputs see one input channel each.
//
//   d_x[v, h, w, c] = bias[c] + sum_{a,b,o} d_y[v, i, j, o] w[o, a, b],  h = i s_h - p_t + a d_h, w alike
//
//   with stride s, padding p, dilation d, o over the O / C channels made of c; the bias belongs to the transposed
//   convolution, which is this very sum
//
// Layout   d_y [V, OH, OW, O]; weight [O, KH, KW, 1]; bias [C] or absent; d_x [V, H, W, C]
// Mapping  an invocation owns one channel of one pixel; neighbours own neighbouring channels
// Memory   2 loads a term, most of them from cache; bound by bandwidth
// Source   elementary
// Twin     src/kernels/conv2d_grad_input.ts

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
    let stride_h = i32(fixed_or(STRIDE_H, params.stride_h));
    let stride_w = i32(fixed_or(STRIDE_W, params.stride_w));
    let index = (group.x + group.y * groups.x) * WG + lane;
    if (index >= params.views * in_h * in_w * in_c) {
        return;
    }
    let c = index % in_c;
    let bottom = i32(index / in_c / in_w % in_h + params.pad_top); // row of y times stride, for tap 0
    let right = i32(index / in_c % in_w + params.pad_left);
    let view = index / in_c / in_w / in_h;
    var sum = select(0.0, bias[c], params.has_bias != 0u);
    for (var a = 0u; a < params.kernel_h; a++) {
        let h = bottom - i32(a * params.dilation_h);
        if (h < 0 || h % stride_h != 0 || h / stride_h >= i32(params.out_h)) {
            continue;
        }
        let first = (view * params.out_h + u32(h / stride_h)) * params.out_w;
        for (var b = 0u; b < params.kernel_w; b++) {
            let w = right - i32(b * params.dilation_w);
            if (w < 0 || w % stride_w != 0 || w / stride_w >= i32(params.out_w)) {
                continue;
            }
            let pixel = first + u32(w / stride_w);
            for (var o = c * params.group_o; o < (c + 1u) * params.group_o; o++) {
                sum += d_y[pixel * params.out_c + o]
                    * weight[(o * params.kernel_h + a) * params.kernel_w + b];
            }
        }
    }
    d_x[index] = sum;
}
