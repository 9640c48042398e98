/// Writes one channel of four pixels of a slice of y; the first slice adds the bias.
fn store(slice: u32, pixel: vec4u, channel: u32, sums: vec4f) {
    let pixels = params.views * params.out_h * params.out_w;
    var start = 0.0;
    if (params.has_bias != 0u && slice == 0u) {
        start = bias[channel];
    }
    for (var j = 0u; j < 4u; j++) {
        if (pixel[j] < pixels) {
            y[(slice * pixels + pixel[j]) * params.out_c + channel] = start + sums[j];
        }
    }
}
