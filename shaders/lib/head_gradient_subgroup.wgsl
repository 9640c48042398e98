/// The numbers that four pixels share over their bins, see factors.
struct Factors {
    peak: vec4f,
    scale: vec4f, // 1 / sum; 0 for a pixel from `end` on, whose gradients then are 0
    a: vec4f,
    e: vec4f,
}

/// Factors of the pixels `rows`; from `end` on, those of the pixel before it.
fn factors_of(rows: vec4u, end: u32) -> Factors {
    var found: Factors;
    for (var i = 0u; i < 4u; i++) {
        let f = 8u * min(rows[i], end - 1u);
        found.peak[i] = factors[f];
        found.scale[i] = select(0.0, factors[f + 1u], rows[i] < end);
        found.a[i] = factors[f + 4u];
        found.e[i] = factors[f + 7u];
    }
    return found;
}

/// Probabilities of four pixels at bin `k` from their logits without bias.
fn probabilities_at(f: Factors, k: u32, z: vec4f) -> vec4f {
    var offset = 0.0;
    if (HAS_BIAS) {
        offset = bias[k];
    }
    return exp(z + offset - f.peak) * f.scale;
}
