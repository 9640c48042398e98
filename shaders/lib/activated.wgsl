/// f(v) by KIND: 0 v itself, 1 relu, 2 elu, 3 softplus, 4 gelu; NaN of NaN
fn activated(v: vec4f) -> vec4f {
    var y = v;
    if (KIND == 1u) {
        y = max(v, vec4f());
    }
    if (KIND == 2u) {
        let low = min(v, vec4f());
        let below = params.alpha * vec4f(expm1(low.x), expm1(low.y), expm1(low.z), expm1(low.w));
        y = select(below, v, v > vec4f());
    }
    if (KIND == 3u) {
        let e = exp(-abs(v)); // ln(1 + e^v) without overflow
        y = max(v, vec4f()) + vec4f(log1p(e.x), log1p(e.y), log1p(e.z), log1p(e.w));
    }
    if (KIND == 4u) {
        y = gelus(v);
    }
    return select(y, v, (bitcast<vec4u>(v) & vec4u(0x7fffffffu)) > vec4u(0x7f800000u));
}
