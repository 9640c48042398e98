/// Adds rows x columns to a tile of 16 rows: lanes 0 to 7 hold two rows each, eight apart, and the
/// columns are the lane's own four.
fn outer(tile: ptr<function, array<vec4f, 16>>, low: f32, high: f32, columns: vec4f) {
    for (var r = 0u; r < 8u; r++) {
        (*tile)[r] += subgroupShuffle(low, r) * columns;
        (*tile)[r + 8u] += subgroupShuffle(high, r) * columns;
    }
}
