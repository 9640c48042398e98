/// The pull of an attractor on a centre that is x away: f(x).
fn pull(x: f32) -> f32 {
    if (KIND == 0u) {
        return x / (1.0 + params.alpha * x * x);
    }
    return x * exp(-params.alpha * pow(max_or_nan(abs(x), 1e-30), params.gamma));
}
