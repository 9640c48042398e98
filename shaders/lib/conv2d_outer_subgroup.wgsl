/// Adds rows x columns to a tile: the 16 rows lie two per lane, the columns are the lane's own.
fn outer(tile: ptr<function, array<vec4f, 16>>, low: f32, high: f32, columns: vec4f) {
    for (var r = 0u; r < 8u; r++) {
        (*tile)[r] += subgroupShuffle(low, r) * columns;
        (*tile)[r + 8u] += subgroupShuffle(high, r) * columns;
    }
}
