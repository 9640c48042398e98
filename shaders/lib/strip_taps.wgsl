/// Adds three taps to one channel of a strip.
fn add_taps(tile: ptr<function, array<vec4f, 32>>, row: u32, weights: vec3f, columns: ptr<function, array<f32, 10>>) {
    for (var half = 0u; half < 2u; half++) {
        let i = 4u * half;
        let first = vec4f((*columns)[i], (*columns)[i + 1u], (*columns)[i + 2u], (*columns)[i + 3u]);
        let second = vec4f(first.yzw, (*columns)[i + 4u]);
        let third = vec4f(second.yzw, (*columns)[i + 5u]);
        var sums = (*tile)[2u * row + half];
        sums = fma(vec4f(weights.x), first, sums);
        sums = fma(vec4f(weights.y), second, sums);
        (*tile)[2u * row + half] = fma(vec4f(weights.z), third, sums);
    }
}

/// Adds three taps to four channels of a strip, from channel `row` of the tile on.
fn add_rows(tile: ptr<function, array<vec4f, 32>>, row: u32, a: vec4f, b: vec4f, c: vec4f, columns: ptr<function, array<f32, 10>>) {
    add_taps(tile, row, vec3f(a.x, b.x, c.x), columns);
    add_taps(tile, row + 1u, vec3f(a.y, b.y, c.y), columns);
    add_taps(tile, row + 2u, vec3f(a.z, b.z, c.z), columns);
    add_taps(tile, row + 3u, vec3f(a.w, b.w, c.w), columns);
}
