/// The numbers of a pixel that determine its logits where no table of ln C(n, k) is at hand.
struct BinomialPeak {
    at: vec2f,      // a place next to the peak, between bins 0 and n: its distances from both
    lift: f32,      // slope less ln(at.x / at.y), small
    entropy: f32,   // of the bin at the peak
    peak: f32,
    inverse_t: f32,
}

/// k ln(k / at.x) + (n - k) ln((n - k) / at.y), n = at.x + at.y: 0 at `at`, small near it.
fn binomial_entropy(k: f32, at: vec2f) -> f32 {
    // x ln x is 0 at 0
    let m = max(at.x + at.y - k, 0.0);
    return k * log_quotient(max(k, 1e-7), at.x) + m * log_quotient(max(m, 1e-7), at.y);
}

/// The row of (slope, 1 / t) whose peak is at a bin, 0 to n.
fn binomial_peak(slope: f32, inverse_t: f32, peak: f32, n: f32) -> BinomialPeak {
    let a = clamp(peak, 0.5, max(n - 0.5, 0.5));
    let at = vec2f(a, max(n - a, 0.5));
    let lift = slope - log_quotient(at.x, at.y);
    // an infinite slope has no difference to the peak's logit
    let entropy = select(not_a_number(slope), binomial_entropy(peak, at), is_finite(slope));
    return BinomialPeak(at, lift, entropy, peak, inverse_t);
}

/// A logit below the peak's: (ln C(n, k) + k slope - (ln C(n, peak) + peak slope)) / t. The large
/// parts cancel in the logarithms of quotients: t = 0.0212 multiplies what is lost.
fn peaked_logit(row: BinomialPeak, k: f32) -> f32 {
    let rise = row.entropy - binomial_entropy(k, row.at);
    return (rise + (k - row.peak) * row.lift) * row.inverse_t;
}
