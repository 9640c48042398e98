/// The first 224 bits of 1 / (2 pi).
const TURNS: array<u32, 7> = array(0x28be60dbu, 0x9391054au, 0x7f09d5f4u, 0x7d4d3770u,
    0x36d8a566u, 0x4f10e410u, 0x7f9458eau);

/// The 64 bits of a b: (high, low).
fn wide_product(a: u32, b: u32) -> vec2u {
    let a_low = a & 0xffffu;
    let a_high = a >> 16u;
    let b_low = b & 0xffffu;
    let b_high = b >> 16u;
    let low = a_low * b_low;
    let middle = a_high * b_low + (low >> 16u);
    let other = a_low * b_high + (middle & 0xffffu);
    return vec2u(a_high * b_high + (middle >> 16u) + (other >> 16u), a * b);
}

/// The remainder of v > 4 beyond the nearest multiple of pi / 2, and that multiple modulo 4: by the
/// bits of 1 / (2 pi) that matter to v's exponent (Payne and Hanek 1983).
fn reduced_far(v: f32) -> vec2f {
    let bits = bitcast<u32>(v);
    let mantissa = ((bits & 0x7fffffu) << 8u) | 0x80000000u;
    let exponent = (bits >> 23u) - 126u;
    let word = min(exponent / 32u, 4u);
    let shift = exponent % 32u;
    var window = vec3u(0u, TURNS[word], TURNS[word + 1u]);
    if (word > 0u) {
        window.x = TURNS[word - 1u];
    }
    if (shift > 0u) {
        let next = vec3u(window.yz, TURNS[word + 2u]);
        window = (window << vec3u(shift)) | (next >> vec3u(32u - shift));
    }
    // turns of v: two bits of quarters, then 62 bits of their fraction
    let carried = wide_product(mantissa, window.z).x;
    let product = wide_product(mantissa, window.y);
    let low = product.y + carried;
    let high = mantissa * window.x + product.x + select(0u, 1u, low < carried);
    let fraction = high & 0x3fffffffu;
    if (fraction < 0x20000000u) {
        let left = f32(fraction) * 0x1p-30 + f32(low) * 0x1p-62;
        return vec2f(left * 1.5707963, f32(high >> 30u));
    }
    // nearer to the next quarter: the rest is negative
    let below = vec2u(0x3fffffffu - fraction + select(0u, 1u, low == 0u), 0u - low);
    let left = f32(below.x) * 0x1p-30 + f32(below.y) * 0x1p-62;
    return vec2f(left * -1.5707963, f32((high >> 30u) + 1u));
}

/// (sin v, cos v) to 1e-7 for every finite v, NaN for the others: WGSL's own may be off by 2^-11,
/// and by more beyond pi. Reduced by multiples of pi / 2 in three parts (Cody and Waite 1980), far
/// away by bits, then the Taylor series on [-pi / 4, pi / 4].
fn sine_cosine(v: f32) -> vec2f {
    let k = round(v * 0.63661977);
    var near = vec2f(((v - k * 1.5703125) - k * 4.837512969970703125e-4) - k * 7.54978995489188e-8,
        k);
    if (abs(v) > 8192.0) {
        near = reduced_far(abs(v)) * select(-1.0, 1.0, v > 0.0);
    }
    let r = near.x;
    let z = r * r;
    let s = r + r * z * (-0.16666667 + z * (8.3333333e-3 + z * (-1.9841270e-4 + z * 2.7557319e-6)));
    let c = 1.0 - 0.5 * z + z * z * (0.041666667 + z * (-1.3888889e-3 + z * (2.4801587e-5
        - z * 2.7557319e-7)));
    // each quarter turn takes (s, c) to (c, -s)
    let quarter = i32(near.y) & 3;
    let turned = select(vec2f(s, c), vec2f(c, -s), (quarter & 1) == 1);
    let result = select(turned, -turned, (quarter & 2) == 2);
    return select(result, vec2f(not_a_number(v)), !is_finite(v));
}
