/// Writes one channel of four pixels of y.
fn store(pixel: vec4u, channel: u32, sums: vec4f) {
    let pixels = params.views * params.out_h * params.out_w;
    let start = select(0.0, bias[channel], params.has_bias != 0u);
    for (var j = 0u; j < 4u; j++) {
        if (pixel[j] < pixels) {
            y[pixel[j] * params.out_c + channel] = start + sums[j];
        }
    }
}
