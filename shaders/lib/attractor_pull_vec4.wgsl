/// The pull of an attractor on four centres that are x away: f(x).
fn pull(x: vec4f) -> vec4f {
    if (KIND == 0u) {
        return x / (1.0 + params.alpha * x * x);
    }
    let a = abs(x);
    let near = vec4f(max_or_nan(a.x, 1e-30), max_or_nan(a.y, 1e-30), max_or_nan(a.z, 1e-30),
        max_or_nan(a.w, 1e-30));
    return x * exp(-params.alpha * pow(near, vec4f(params.gamma)));
}
