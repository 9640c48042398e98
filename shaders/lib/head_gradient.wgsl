/// (d_z, d_center) of a pixel's bin from its logit without bias.
fn head_gradient(row: u32, k: u32, z: f32) -> vec2f {
    let f = 8u * row;
    var offset = 0.0;
    if (HAS_BIAS) {
        offset = bias[k];
    }
    let center = centers[row / params.pixels_per_center * params.bins + k];
    let p = exp(z + offset - factors[f]) * factors[f + 1u];
    return vec2f(p * (factors[f + 4u] * center - factors[f + 7u]), factors[f + 4u] * p);
}
