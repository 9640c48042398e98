/// The powers 1, P, P^2, P^3 of a point, numbered 0, 5/8, -5/8, 3/2, -3/2; 0, 0, 0, 1 for infinity.
fn winograd_powers(point: u32) -> vec4f {
    let size = select(select(0.625, 1.5, point > 2u), 0.0, point == 0u);
    let p = select(size, -size, point % 2u == 0u);
    return select(vec4f(1.0, p, p * p, p * p * p), vec4f(0.0, 0.0, 0.0, 1.0), point == 5u);
}

/// The values of d0 + d1 P + d2 P^2 + d3 P^3 at the six points; d3 at infinity.
fn winograd_slope(d0: vec4f, d1: vec4f, d2: vec4f, d3: vec4f) -> array<vec4f, 6> {
    let even = d0 + 0.390625 * d2;
    let odd = 0.625 * d1 + 0.244140625 * d3;
    let even_far = d0 + 2.25 * d2;
    let odd_far = 1.5 * d1 + 3.375 * d3;
    return array(d0, even + odd, even - odd, even_far + odd_far, even_far - odd_far, d3);
}
