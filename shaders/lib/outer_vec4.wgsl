/// Adds a term, or with UNROLL = 2 two, of one row x VECTORS vectors of columns to a tile.
fn add_row(tile: ptr<function, array<vec4f, ROWS * VECTORS>>, row: u32, left_even: f32, left_odd: f32, even: array<vec4f, 2>, odd: array<vec4f, 2>) {
    let t = VECTORS * row;
    (*tile)[t] = fma(vec4f(left_even), even[0], (*tile)[t]);
    if (UNROLL == 2u) {
        (*tile)[t] = fma(vec4f(left_odd), odd[0], (*tile)[t]);
    }
    if (VECTORS == 2u) {
        (*tile)[t + 1u] = fma(vec4f(left_even), even[1], (*tile)[t + 1u]);
        if (UNROLL == 2u) {
            (*tile)[t + 1u] = fma(vec4f(left_odd), odd[1], (*tile)[t + 1u]);
        }
    }
}

/// Adds a term, or two, of four rows x VECTORS vectors of columns, from `row` of the tile on.
fn add_rows(tile: ptr<function, array<vec4f, ROWS * VECTORS>>, row: u32, left_even: vec4f, left_odd: vec4f, even: array<vec4f, 2>, odd: array<vec4f, 2>) {
    add_row(tile, row, left_even.x, left_odd.x, even, odd);
    add_row(tile, row + 1u, left_even.y, left_odd.y, even, odd);
    add_row(tile, row + 2u, left_even.z, left_odd.z, even, odd);
    add_row(tile, row + 3u, left_even.w, left_odd.w, even, odd);
}
