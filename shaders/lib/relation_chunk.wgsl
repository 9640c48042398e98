/// PANEL columns of d from `first` on times a chunk of TILE features of the student's tokens from
/// first_e on.
fn chunk_of(other: u32, first_j: u32, first: u32, first_e: u32, id: vec3u) -> array<vec4f, 4> {
    for (var at = id.y * SIDE + id.x; at < TILE * PANEL; at += SIDE * SIDE) {
        wg_b[at] = feature(false, other, first_j + first + at / TILE, first_e + at % TILE);
    }
    // d and the panel are complete before they are read
    workgroupBarrier();
    var sum: array<vec4f, 4>;
    for (var step = 0u; step < PANEL; step++) {
        let column = step * TILE + id.x;
        let b = vec4f(wg_b[column], wg_b[column + SIDE], wg_b[column + 2u * SIDE],
            wg_b[column + 3u * SIDE]);
        for (var r = 0u; r < 4u; r++) {
            sum[r] += wg_d[(r * SIDE + id.y) * (TILE + 1u) + first + step] * b;
        }
    }
    // and read before others replace them
    workgroupBarrier();
    return sum;
}
