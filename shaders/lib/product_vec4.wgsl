/// Adds four terms of one row x four columns to a tile.
fn add_row(tile: ptr<function, array<vec4f, 32>>, row: u32, terms: vec4f, columns: mat4x4f) {
    var sums = (*tile)[row];
    sums = fma(vec4f(terms.x), columns[0], sums);
    sums = fma(vec4f(terms.y), columns[1], sums);
    sums = fma(vec4f(terms.z), columns[2], sums);
    (*tile)[row] = fma(vec4f(terms.w), columns[3], sums);
}

/// Adds four terms of every fourth row x four columns: `terms` are those of row 4 lane + `first`.
fn add_rows(tile: ptr<function, array<vec4f, 32>>, first: u32, terms: vec4f, columns: mat4x4f) {
    let low = transpose(mat4x4f(lanes_0(terms.x), lanes_0(terms.y), lanes_0(terms.z), lanes_0(terms.w)));
    add_row(tile, first, low[0], columns);
    add_row(tile, first + 4u, low[1], columns);
    add_row(tile, first + 8u, low[2], columns);
    add_row(tile, first + 12u, low[3], columns);
    if (LANES > 4u) {
        let high = transpose(mat4x4f(lanes_4(terms.x), lanes_4(terms.y), lanes_4(terms.z), lanes_4(terms.w)));
        add_row(tile, first + 16u, high[0], columns);
        add_row(tile, first + 20u, high[1], columns);
        add_row(tile, first + 24u, high[2], columns);
        add_row(tile, first + 28u, high[3], columns);
    }
}

/// Adds four terms of the tile's rows x columns. A lane holds four rows, each with four terms, and
/// four terms, each with four columns.
fn add_product(tile: ptr<function, array<vec4f, 32>>, rows: mat4x4f, columns: mat4x4f) {
    add_rows(tile, 0u, rows[0], columns);
    add_rows(tile, 1u, rows[1], columns);
    add_rows(tile, 2u, rows[2], columns);
    add_rows(tile, 3u, rows[3], columns);
}
