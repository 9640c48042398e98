/// v Phi(v), Phi the normal distribution function: to 3e-7, and from -5 to 0 to 3e-6 of its value.
fn gelu(v: f32) -> f32 {
    // Phi(-a) = 0.5 (1 + x)^-20, x a polynomial in a, fitted so that the largest relative error on
    // [0, 5] is least; in pairs, so that few operations wait for one another. The first three
    // squares are those of 1 + x less 1: they keep the digits of a small x.
    let a = min(abs(v), 20.0); // where Phi(-a) is 0 in f32
    let a2 = a * a;
    let low = (0.03989452 + a * 0.01670793) + a2 * (2.473593e-3 - a * 4.4940327e-5);
    let high = (3.9453982e-5 + a * 2.5330885e-6) + a2 * (a * 5.964486e-8 - 4.2125515e-7);
    let x = a * (low + a2 * a2 * high);
    let x2 = x * (2.0 + x);
    let x4 = x2 * (2.0 + x2);
    let p4 = 1.0 + x4;
    let p8 = 1.0 + x4 * (2.0 + x4);
    let h = 0.5 / (p8 * p8 * p4);
    return v * select(h, 1.0 - h, v >= 0.0);
}
