/// Phi(v), the normal distribution function: to 3e-7, and from -4 to 0 to 7e-7 of its value.
fn normal_cdf(v: f32) -> f32 {
    // Phi(-a) = phi(a) times a polynomial in t, fitted so that the largest relative error on
    // [0, 14] is least
    let t = 1.0 / (1.0 + 0.21213203 * abs(v));
    let p = 0.169188008 + t * (0.170715272 + t * (0.148338854 + t * (0.214927167
        + t * (-0.094653137 + t * (0.547723293 + t * (-0.512280762 + t * (0.485564411
        - t * 0.129523143)))))));
    let h = 0.5 * t * p * exp(-0.5 * v * v);
    return select(h, 1.0 - h, v >= 0.0);
}
