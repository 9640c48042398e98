/// Writes one channel of four pixels of d_x.
fn store(phase: Phase, pixel: Target, channel: u32, sums: vec4f) {
    let start = select(0.0, bias[channel], params.has_bias != 0u);
    let h = pixel.row * params.stride_h + phase.h;
    let w = pixel.column * params.stride_w + phase.w;
    let at = ((pixel.view * params.in_h + h) * params.in_w + w) * params.in_c + channel;
    for (var j = 0u; j < 4u; j++) {
        if (pixel.view[j] < params.views) {
            d_x[at[j]] = start + sums[j];
        }
    }
}
