override RELU: bool = false; // y is max(y, 0)

/// v or, with RELU, max(v, 0); by its bits, so that NaN stays
fn rectified(v: f32) -> f32 {
    let bits = bitcast<u32>(v);
    return select(v, 0.0, RELU && bits >= 0x80000000u && bits <= 0xff800000u);
}
