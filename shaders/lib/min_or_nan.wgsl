/// The smaller of a and b; NaN where either is, which WGSL's `min` may lose.
fn min_or_nan(a: f32, b: f32) -> f32 {
    return select(select(min(a, b), b, is_nan(b)), a, is_nan(a));
}
