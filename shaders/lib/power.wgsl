/// a^b. Whole exponents by repeated squaring (exact signs, few roundings); a < 0 with another
/// exponent is undefined.
fn power(a: f32, b: f32) -> f32 {
    if (b == floor(b) && abs(b) <= 64.0) {
        var result = 1.0;
        var square = a;
        for (var left = u32(abs(b)); left > 0u; left >>= 1u) {
            if ((left & 1u) == 1u) {
                result *= square;
            }
            square *= square;
        }
        return select(result, 1.0 / result, b < 0.0);
    }
    if (a == 0.0) {
        return 0.0;
    }
    let magnitude = exp2(b * log2(select(a, abs(a), b == floor(b))));
    // f32 holds no odd number beyond 2^24; halving is exact
    let odd = b == floor(b) && b * 0.5 != floor(b * 0.5);
    return select(magnitude, -magnitude, odd && a < 0.0);
}
