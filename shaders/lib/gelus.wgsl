/// v Phi(v) of each number, Phi the normal distribution function: to 3e-7, and from -5 to 0 to 3e-6
/// of its value; the same bits as gelu.
fn gelus(v: vec4f) -> vec4f {
    let a = min(abs(v), vec4f(20.0)); // where Phi(-a) is 0 in f32
    let a2 = a * a;
    let low = (0.03989452 + a * 0.01670793) + a2 * (2.473593e-3 - a * 4.4940327e-5);
    let high = (3.9453982e-5 + a * 2.5330885e-6) + a2 * (a * 5.964486e-8 - 4.2125515e-7);
    let x = a * (low + a2 * a2 * high);
    let x2 = x * (2.0 + x);
    let x4 = x2 * (2.0 + x2);
    let p4 = 1.0 + x4;
    let p8 = 1.0 + x4 * (2.0 + x4);
    let h = 0.5 / (p8 * p8 * p4);
    return v * select(h, 1.0 - h, v >= vec4f());
}
