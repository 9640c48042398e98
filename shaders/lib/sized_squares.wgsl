/// The square of v among (large, usual, small) ones: large ones count in units of 2^80, small ones
/// of 2^-90, so that none overflows or vanishes (Blue 1978).
fn sized_square(v: f32) -> vec3f {
    let a = abs(v);
    let large = a > 0x1p50;
    let small = a < 0x1p-50;
    let unit = select(select(1.0, 0x1p90, small), 0x1p-80, large);
    let square = (v * unit) * (v * unit);
    return select(select(vec3f(0.0, square, 0.0), vec3f(0.0, 0.0, square), small),
        vec3f(square, 0.0, 0.0), large);
}

/// The root of the sum of such squares; NaN where one is.
fn sized_length(sums: vec3f) -> f32 {
    if (sums.x > 0.0 || is_nan(sums.x)) {
        let usual = sqrt(sums.y) * 0x1p-80;
        return sqrt(sums.x + usual * usual) * 0x1p80;
    }
    let small = sqrt(sums.z) * 0x1p-90;
    if (sums.y > 0.0 || is_nan(sums.y)) {
        return sqrt(sums.y + small * small);
    }
    return small;
}
