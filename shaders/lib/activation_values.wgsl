/// tanh v = e / (e + 2), e = e^2v - 1: exact near 0, where the builtin may be off by more than v;
/// 1 beyond 10 in f32
fn tanh_of(v: f32) -> f32 {
    let e = expm1(2.0 * min(abs(v), 10.0));
    return sign(v) * e / (e + 2.0);
}

/// 1 / (1 + e^-v) without overflow
fn sigmoid(v: f32) -> f32 {
    let e = exp(-abs(v));
    return select(e, 1.0, v >= 0.0) / (1.0 + e);
}

/// f(v) of a number by KIND, which is not gelu
fn value(v: f32) -> f32 {
    switch KIND {
        case 0u: { return max(v, 0.0); }
        case 1u: { return select(params.alpha * v, v, v > 0.0); }
        case 2u: { return select(params.alpha * expm1(min(v, 0.0)), v, v > 0.0); }
        case 4u: { return sigmoid(v); }
        // ln(1 + e^v) without overflow
        case 5u: { return max(v, 0.0) + log1p(exp(-abs(v))); }
        default: { return tanh_of(v); }
    }
}

/// f of each number; NaN of NaN
fn values(v: vec4f) -> vec4f {
    if (KIND == 3u) {
        return gelus(v); // its arithmetic keeps NaN
    }
    return select(
        vec4f(value(v.x), value(v.y), value(v.z), value(v.w)),
        v,
        vec4<bool>(is_nan(v.x), is_nan(v.y), is_nan(v.z), is_nan(v.w)),
    );
}
