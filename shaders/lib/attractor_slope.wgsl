/// f'(x), f the pull of an attractor that is x away from a centre.
fn pull_slope(x: f32) -> f32 {
    if (KIND == 0u) {
        let square = params.alpha * x * x;
        return (1.0 - square) / ((1.0 + square) * (1.0 + square));
    }
    let power = params.alpha * pow(max_or_nan(abs(x), 1e-30), params.gamma);
    return exp(-power) * (1.0 - params.gamma * power);
}
