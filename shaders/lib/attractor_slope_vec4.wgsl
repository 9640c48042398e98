/// f'(x), f the pull of an attractor that is x away from four centres.
fn pull_slope(x: vec4f) -> vec4f {
    if (KIND == 0u) {
        let square = params.alpha * x * x;
        return (1.0 - square) / ((1.0 + square) * (1.0 + square));
    }
    let a = abs(x);
    let near = vec4f(max_or_nan(a.x, 1e-30), max_or_nan(a.y, 1e-30), max_or_nan(a.z, 1e-30),
        max_or_nan(a.w, 1e-30));
    let power = params.alpha * pow(near, vec4f(params.gamma));
    return exp(-power) * (1.0 - params.gamma * power);
}
