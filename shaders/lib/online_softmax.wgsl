/// Below every logit; so far above the lowest f32 that neither a difference to it nor its power of
/// two overflows, since WGSL may assume that there is no infinity.
const LOWEST: f32 = -1e38;

/// Adds one logit to (maximum, sum of exp(z - maximum)) with one exponential, whichever of the two
/// is larger.
fn with_logit(state: vec2f, z: f32) -> vec2f {
    let e = exp(-abs(z - state.x));
    return select(vec2f(state.x, state.y + e), vec2f(z, state.y * e + 1.0), z > state.x);
}
