override RELU: bool = false; // y is max(y, 0)

/// Writes one channel of four pixels of a slice of y; the first slice adds the bias. With RELU,
/// negative numbers become 0, by their bits: NaN stays.
fn store(slice: u32, pixel: vec4u, channel: u32, sums: vec4f) {
    let pixels = params.views * params.out_h * params.out_w;
    var start = 0.0;
    if (params.has_bias != 0u && slice == 0u) {
        start = bias[channel];
    }
    var made = start + sums;
    if (RELU) {
        let bits = bitcast<vec4u>(made);
        made = select(made, vec4f(), (bits >= vec4u(0x80000000u)) & (bits <= vec4u(0xff800000u)));
    }
    for (var j = 0u; j < 4u; j++) {
        if (pixel[j] < pixels) {
            y[(slice * pixels + pixel[j]) * params.out_c + channel] = made[j];
        }
    }
}
