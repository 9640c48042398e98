/// erf to 2e-7: its Maclaurin series below 1, above it exp(-x^2) times a polynomial in 1 / (1 + x
/// / 2).
fn erf(v: f32) -> f32 {
    let a = abs(v);
    if (a < 1.0) {
        let t = v * v;
        // 2/sqrt(pi) * sum (-1)^n v^(2n+1) / (n! (2n+1)), n to 9
        return v * (1.1283791671 + t * (-0.3761263890 + t * (0.1128379167 + t * (-0.0268661706
            + t * (0.0052239776 + t * (-0.0008548327 + t * (0.0001205533 + t * (-0.0000149256
            + t * (0.0000016462 - t * 0.0000001636)))))))));
    }
    // Chebyshev fit of erfc, fractional error below 1.2e-7 everywhere: Press et al., Numerical
    // Recipes (1992), section 6.2
    let t = 1.0 / (1.0 + 0.5 * a);
    let r = t * exp(-a * a - 1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418
        + t * (-0.18628806 + t * (0.27886807 + t * (-1.13520398 + t * (1.48851587
        + t * (-0.82215223 + t * 0.17087277)))))))));
    return select(-1.0, 1.0, v >= 0.0) * (1.0 - r);
}
