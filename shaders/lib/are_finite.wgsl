/// Whether each number is neither infinite nor NaN, by its exponent's bits: WGSL may assume that
/// comparisons never see either.
fn are_finite(x: vec4f) -> vec4<bool> {
    return (bitcast<vec4u>(x) & vec4u(0x7f800000u)) != vec4u(0x7f800000u);
}
