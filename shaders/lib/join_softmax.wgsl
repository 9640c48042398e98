/// Joins the states of two shares of a pixel: both sums rescaled to the common maximum.
fn join_softmax(a: vec2f, b: vec2f) -> vec2f {
    let m = max(a.x, b.x);
    return vec2f(m, a.y * exp(a.x - m) + b.y * exp(b.x - m));
}
