/// Phi of each number, the normal distribution function: to 3e-7, and from -4 to 0 to 7e-7 of its
/// value; the same bits as normal_cdf.
fn normal_cdfs(v: vec4f) -> vec4f {
    let t = 1.0 / (1.0 + 0.21213203 * abs(v));
    let t2 = t * t;
    let t4 = t2 * t2;
    let low = (0.169188008 + t * 0.170715272) + t2 * (0.148338854 + t * 0.214927167);
    let high = (-0.094653137 + t * 0.547723293) + t2 * (-0.512280762 + t * 0.485564411);
    let p = low + t4 * (high - t4 * 0.129523143);
    let h = 0.5 * t * p * exp(-0.5 * v * v);
    return select(h, 1.0 - h, v >= vec4f());
}
