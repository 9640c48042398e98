/// A score, and its derivative by the product q . k.
struct Score {
    value: f32,
    slope: f32,
}

/// scale q . k, capped, masked; MASKED or less where the key is not seen.
fn score_of(product: f32, batch: u32, head: u32, query: u32, key: u32) -> Score {
    if (query >= params.queries || key >= params.keys || (params.causal == 1u && key > query)) {
        return Score(MASKED, 0.0);
    }
    var score = Score(params.scale * product, params.scale);
    if (params.softcap > 0.0) {
        // tanh is 1 beyond 15 in f32; some adapters overflow inside
        let t = tanh(clamp(score.value / params.softcap, -15.0, 15.0));
        score = Score(params.softcap * t, params.scale * (1.0 - t * t));
    }
    if (params.has_mask == 1u) {
        let row = batch * params.mask_batch + head * params.mask_head + query * params.mask_query;
        score.value += mask[row + key];
    }
    return score;
}
