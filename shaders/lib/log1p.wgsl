/// ln(1 + v): by 2 artanh(v / (2 + v)) near 0, where the sum would lose v.
fn log1p(v: f32) -> f32 {
    if (abs(v) > 0.4) {
        return log_of(1.0 + v);
    }
    let z = v / (2.0 + v);
    let w = z * z;
    return 2.0 * z * (1.0 + w * (1.0 / 3.0 + w * (1.0 / 5.0 + w * (1.0 / 7.0 + w / 9.0))));
}
