/// Four logits below the peak's; bins k with the two parts of their entries of the table.
fn four_logits(row: BinomialRow, k: vec4f, high: vec4f, low: vec4f) -> vec4f {
    let large = high + k * row.slope.x - row.highest.x;
    let small = low + k * row.slope.y - row.highest.y;
    return (large + small) * row.inverse_t;
}

/// The row of a pixel, from five numbers of binomial_pack.
fn row_of(slope: f32, inverse_t: f32, peak: f32) -> BinomialRow {
    return binomial_row(slope, inverse_t, peak, log_choose[u32(peak)]);
}
