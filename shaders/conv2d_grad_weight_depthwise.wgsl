// conv2d_grad_weight_depthwise — gradient for the weight where outputs see one input channel each.
//
//   partials[s, o, a, b] = sum_{v, i, j} d_y[v, i, j, o] x[v, h, w, o / m]
//   h = i s_h - p_t + a d_h,  w = j s_w - p_l + b d_w,  over the pixels (v, i, j) of slice s
//
//   stride s, padding p, dilation d, m = O / C; x is 0 outside the image
//
// Layout   x [V, H, W, C]; d_y [V, OH, OW, O]; partials [slabs, O, KH, KW, 1]; slice s holds rows
//          s R to s R + R - 1 of the V OH rows of y; column_sum adds the slices up in order
// Mapping  an invocation owns one tap of one channel in one slice; neighbours own neighbouring
//          channels
// Memory   2 loads per term, most of them from cache; bound by bandwidth
// Source   elementary
// Twin     src/kernels/convolution/conv2d_grad_weight.ts

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

override OUT_C: u32 = 0u; // 0: read at run time
override OUT_H: u32 = 0u;
override WG: u32 = 64u; // invocations per workgroup

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

@compute @workgroup_size(WG)
fn conv2d_grad_weight_depthwise(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let out_c = fixed_or(OUT_C, params.out_c);
    let taps = params.kernel_h * params.kernel_w;
    let index = (group.x + group.y * groups.x) * WG + lane;
    let o = index % out_c;
    let tap = index / out_c % taps;
    let slab = index / out_c / taps;
    if (slab >= params.slabs) {
        return;
    }
    let top = i32(tap / params.kernel_w * params.dilation_h) - i32(params.pad_top);
    let left = i32(tap % params.kernel_w * params.dilation_w) - i32(params.pad_left);
    let end = min((slab + 1u) * params.slab_rows, params.views * params.out_h);
    var sum = 0.0;
    for (var line = slab * params.slab_rows; line < end; line++) {
        let h = u32(i32(line % fixed_or(OUT_H, params.out_h) * params.stride_h) + top);
        if (h >= params.in_h) { // negative rows wrap to beyond the end
            continue;
        }
        let first = (line / fixed_or(OUT_H, params.out_h) * params.in_h + h) * params.in_w;
        for (var j = 0u; j < params.out_w; j++) {
            let w = u32(i32(j * params.stride_w) + left);
            if (w < params.in_w) {
                sum += d_y[(line * params.out_w + j) * out_c + o]
                    * x[(first + w) * params.in_c + o / params.group_o];
            }
        }
    }
    partials[(slab * out_c + o) * taps + tap] = sum;
}
