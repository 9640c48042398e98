/// sinh v = (e + e / (1 + e)) / 2, e = e^v - 1: exact near 0, where the builtin may lose v; half of
/// e^(|v| / 2) squared beyond 10, whose overflow is that of sinh
fn sinh_of(v: f32) -> f32 {
    let a = abs(v);
    let e = expm1(a);
    let root = exp(0.5 * a);
    let size = select(0.5 * (e + e / (1.0 + e)), 0.5 * root * root, a > 10.0);
    return select(size, -size, v < 0.0);
}

/// cosh v = (e + 1 / e) / 2, e = e^|v|; as sinh_of beyond 10
fn cosh_of(v: f32) -> f32 {
    let a = abs(v);
    let root = exp(0.5 * a);
    return select(0.5 * (root * root + 1.0 / (root * root)), 0.5 * root * root, a > 10.0);
}
