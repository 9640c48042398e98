/// e^v - 1: by its series near 0, where the difference would lose v.
fn expm1(v: f32) -> f32 {
    if (abs(v) > 0.4) {
        return exp(v) - 1.0;
    }
    let tail = 1.0 + v / 6.0 * (1.0 + v / 7.0 * (1.0 + v / 8.0));
    return v * (1.0 + v / 2.0 * (1.0 + v / 3.0 * (1.0 + v / 4.0 * (1.0 + v / 5.0 * tail))));
}
