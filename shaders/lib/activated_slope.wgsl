/// f'(v) by KIND: 0 one, 1 relu, 2 elu, 3 softplus, 4 gelu; at a kink the left slope, NaN of NaN
fn activated_slope(v: vec4f) -> vec4f {
    if (KIND == 0u) {
        return vec4f(1.0);
    }
    var slope = vec4f(1.0);
    if (KIND == 1u) {
        slope = select(vec4f(), vec4f(1.0), v > vec4f());
    }
    if (KIND == 2u) {
        slope = select(params.alpha * exp(min(v, vec4f())), vec4f(1.0), v > vec4f());
    }
    if (KIND == 3u) {
        let e = exp(-abs(v));
        slope = select(e, vec4f(1.0), v >= vec4f()) / (1.0 + e);
    }
    if (KIND == 4u) {
        slope = normal_cdfs(v) + v * 0.39894228 * exp(-0.5 * v * v); // Phi(v) + v phi(v)
    }
    return select(slope, v, (bitcast<vec4u>(v) & vec4u(0x7fffffffu)) > vec4u(0x7f800000u));
}
