/// a^b. Whole exponents by repeated squaring (exact signs, few roundings); NaN of a < 0 with another
/// exponent.
fn power(a: f32, b: f32) -> f32 {
    if (b == 0.0 && !is_nan(b)) {
        return 1.0;
    }
    if (is_nan(a) || is_nan(b)) {
        return not_a_number(a);
    }
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
        return select(0.0, 1.0 / abs(a), b < 0.0);
    }
    let whole = b == floor(b);
    if (a < 0.0 && !whole && is_finite(a)) {
        return not_a_number(a);
    }
    var magnitude = exp2(b * log2(abs(a)));
    if (!is_finite(a)) {
        magnitude = select(0.0, abs(a), b > 0.0);
    }
    // f32 holds no odd number beyond 2^24; halving is exact
    let odd = whole && b * 0.5 != floor(b * 0.5);
    return select(magnitude, -magnitude, odd && a < 0.0);
}
