/// Adds four terms of one pixel to four channels.
fn add_row(tile: ptr<function, array<vec4f, 40>>, row: u32, terms: vec4f, channels: mat4x4f) {
    var sums = (*tile)[row];
    sums = fma(vec4f(terms.x), channels[0], sums);
    sums = fma(vec4f(terms.y), channels[1], sums);
    sums = fma(vec4f(terms.z), channels[2], sums);
    (*tile)[row] = fma(vec4f(terms.w), channels[3], sums);
}

/// Adds four terms of the four pixels of a lane to four channels.
fn add_four(tile: ptr<function, array<vec4f, 40>>, first: u32, pixels: mat4x4f, channels: mat4x4f) {
    add_row(tile, first, pixels[0], channels);
    add_row(tile, first + 1u, pixels[1], channels);
    add_row(tile, first + 2u, pixels[2], channels);
    add_row(tile, first + 3u, pixels[3], channels);
}

/// Sets eight channels of all pixels to the numbers of lanes 0 to 7.
fn start_eight(tile: ptr<function, array<vec4f, 40>>, first: u32, number: f32) {
    for (var p = 0u; p < 4u; p++) {
        (*tile)[first + p] = lanes_0(number);
        (*tile)[first + 4u + p] = lanes_4(number);
    }
}

/// Four channels of pixel p. Selections, because an index costs software adapters a load per number.
fn sums_of(tile: ptr<function, array<vec4f, 40>>, first: u32, p: u32) -> vec4f {
    let low = select((*tile)[first], (*tile)[first + 1u], p == 1u);
    return select(low, select((*tile)[first + 2u], (*tile)[first + 3u], p == 3u), p >= 2u);
}
