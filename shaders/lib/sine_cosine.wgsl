/// (sin v, cos v) to 1e-7 for |v| < 1e4: WGSL's own may be off by 2^-11. Reduced by multiples of
/// pi / 2 in three parts (Cody and Waite 1980), then the Taylor series on [-pi / 4, pi / 4].
fn sine_cosine(v: f32) -> vec2f {
    let k = round(v * 0.63661977);
    let r = ((v - k * 1.5703125) - k * 4.837512969970703125e-4) - k * 7.54978995489188e-8;
    let z = r * r;
    let s = r + r * z * (-0.16666667 + z * (8.3333333e-3 + z * (-1.9841270e-4 + z * 2.7557319e-6)));
    let c = 1.0 - 0.5 * z + z * z * (0.041666667 + z * (-1.3888889e-3 + z * (2.4801587e-5
        - z * 2.7557319e-7)));
    // each quarter turn takes (s, c) to (c, -s)
    let quarter = i32(k) & 3;
    let turned = select(vec2f(s, c), vec2f(c, -s), (quarter & 1) == 1);
    return select(turned, -turned, (quarter & 2) == 2);
}
