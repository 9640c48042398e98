/// atan v of v >= 0, to 2e-7 of itself: by multiples of pi / 4, then the polynomial of Cephes
/// (Moshier 1989). WGSL's own may be off by 4,096 units in the last place.
fn arc_tangent(v: f32) -> f32 {
    var base = 0.0;
    var t = v;
    if (v > 2.4142136) {
        base = 1.5707963;
        t = -1.0 / v;
    } else if (v > 0.41421357) {
        base = 0.78539816;
        t = (v - 1.0) / (v + 1.0);
    }
    let z = t * t;
    let tail = ((8.05374449538e-2 * z - 1.38776856032e-1) * z + 1.99777106478e-1) * z
        - 3.33329491539e-1;
    return base + (t + t * z * tail);
}
