/// Writes one channel of four pixels of a slice of d_x; the first slice adds the bias.
fn store(slice: u32, phase: Phase, pixel: Target, channel: u32, sums: vec4f) {
    var start = 0.0;
    if (params.has_bias != 0u && slice == 0u) {
        start = bias[channel];
    }
    let h = pixel.row * params.stride_h + phase.h;
    let w = pixel.column * params.stride_w + phase.w;
    let view = slice * params.views + pixel.view;
    let at = ((view * params.in_h + h) * params.in_w + w) * params.in_c + channel;
    for (var j = 0u; j < 4u; j++) {
        if (pixel.view[j] < params.views) {
            d_x[at[j]] = start + sums[j];
        }
    }
}
