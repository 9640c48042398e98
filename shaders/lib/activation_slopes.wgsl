/// e^-v / (1 + e^-v)^2, which is even, without overflow: the slope of sigmoid, and a quarter of that
/// of tanh at v / 2, whose builtin WGSL lets be off by 1e-5
fn bell(v: f32) -> f32 {
    let e = exp(-abs(v));
    return e / ((1.0 + e) * (1.0 + e));
}

/// f'(v) by KIND, which is not gelu
fn slope(v: f32) -> f32 {
    switch KIND {
        case 0u: { return select(0.0, 1.0, v > 0.0); }
        case 1u: { return select(params.alpha, 1.0, v > 0.0); }
        case 2u: { return select(params.alpha * exp(min(v, 0.0)), 1.0, v > 0.0); }
        case 4u: { return bell(v); }
        case 5u: {
            let e = exp(-abs(v));
            return select(e, 1.0, v >= 0.0) / (1.0 + e);
        }
        default: { return 4.0 * bell(2.0 * v); }
    }
}

/// f' of each number; NaN of NaN
fn slopes(v: vec4f) -> vec4f {
    var d = v;
    if (KIND == 3u) {
        d = normal_cdfs(v) + v * 0.39894228 * exp(-0.5 * v * v); // Phi(v) + v phi(v)
    } else {
        d = vec4f(slope(v.x), slope(v.y), slope(v.z), slope(v.w));
    }
    return select(
        d,
        v,
        vec4<bool>(is_nan(v.x), is_nan(v.y), is_nan(v.z), is_nan(v.w)),
    );
}
