/// A score, and its derivative with respect to the product q . k.
struct Score {
    value: f32,
    slope: f32,
}

/// tanh x, e = exp(-2 |x|); by its series near 0, where the difference would lose x. WGSL lets the
/// builtin be off by 1e-5, and some adapters overflow inside.
fn tanh_of(x: f32, e: f32) -> f32 {
    let s = x * x;
    let series = x * (1.0 + s * (-0.33333333 + s * (0.13333333 + s * (-0.053968254
        + s * 0.021869489))));
    return select(sign(x) * (1.0 - e) / (1.0 + e), series, s < 0.09);
}

/// scale q . k, capped, masked; MASKED or less where the key is not seen.
fn score_of(product: f32, batch: u32, head: u32, query: u32, key: u32) -> Score {
    if (query >= params.queries || key >= params.keys || (params.causal == 1u && key > query)) {
        return Score(MASKED, 0.0);
    }
    var score = Score(params.scale * product, params.scale);
    if (params.softcap > 0.0) {
        let ratio = score.value / params.softcap;
        let e = exp(-2.0 * abs(ratio));
        let slope = 4.0 * e / ((1.0 + e) * (1.0 + e)); // of tanh
        score = Score(params.softcap * tanh_of(ratio, e), params.scale * slope);
    }
    if (params.has_mask == 1u) {
        let row = batch * params.mask_batch + head * params.mask_head + query * params.mask_query;
        score.value += mask[row + key];
    }
    return score;
}
