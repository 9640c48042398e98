/// ln(x / y): by atanh's series near 1, where a logarithm loses digits.
fn log_quotient(x: f32, y: f32) -> f32 {
    // ln(x / y) = 2 atanh(s), s = (x - y) / (x + y); |s| <= 1/3, so the first term left out is
    // below 1e-8
    let s = (x - y) / (x + y);
    let u = s * s;
    let series = 1.0 + u * (1.0 / 3.0 + u * (0.2 + u * (1.0 / 7.0 + u * (1.0 / 9.0
        + u * (1.0 / 11.0 + u / 13.0)))));
    return select(log_of(x / y), 2.0 * s * series, abs(s) < 0.33);
}
