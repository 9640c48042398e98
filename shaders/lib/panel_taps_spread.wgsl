/// Adds a number to the sums of a pixel by one tap.
fn add_tap(sums: ptr<function, array<f32, 24>>, first: u32, panel: ptr<function, array<f32, 9u * CHANNELS * VECTORS>>, tap: u32, o: u32, number: f32) {
    let at = (tap * CHANNELS + o) * VECTORS;
    (*sums)[first] = fma(number, (*panel)[at], (*sums)[first]);
    if (VECTORS > 1u) {
        (*sums)[first + 1u] = fma(number, (*panel)[at + 1u], (*sums)[first + 1u]);
    }
    if (VECTORS > 2u) {
        (*sums)[first + 2u] = fma(number, (*panel)[at + 2u], (*sums)[first + 2u]);
    }
    if (VECTORS > 3u) {
        (*sums)[first + 3u] = fma(number, (*panel)[at + 3u], (*sums)[first + 3u]);
    }
}

/// Adds a number of the map, in a column: one of its upper row reaches the last taps of the pair's first row,
/// one of its lower row the first taps of both.
fn add_number(sums: ptr<function, array<f32, 24>>, panel: ptr<function, array<f32, 9u * CHANNELS * VECTORS>>, row: u32, o: u32, number: f32) {
    for (var b = 0u; b < 3u; b++) {
        if (row == 0u) {
            add_tap(sums, 4u * b, panel, 6u + b, o, number);
        } else {
            add_tap(sums, 4u * b, panel, b, o, number);
            add_tap(sums, 12u + 4u * b, panel, 3u + b, o, number);
        }
    }
}

/// Adds four numbers, from number `first` of a column's 2 x CHANNELS on.
fn add_four(sums: ptr<function, array<f32, 24>>, panel: ptr<function, array<f32, 9u * CHANNELS * VECTORS>>, first: u32, numbers: vec4f) {
    if (first < 2u * CHANNELS) {
        let row = first / CHANNELS;
        let o = first % CHANNELS;
        add_number(sums, panel, row, o, numbers.x);
        add_number(sums, panel, row, o + 1u, numbers.y);
        add_number(sums, panel, row, o + 2u, numbers.z);
        add_number(sums, panel, row, o + 3u, numbers.w);
    }
}

/// Adds the four numbers of each of 8 lanes. The lane of a broadcast must be a constant.
fn add_lanes(sums: ptr<function, array<f32, 24>>, panel: ptr<function, array<f32, 9u * CHANNELS * VECTORS>>, first: u32, numbers: vec4f) {
    add_four(sums, panel, first, subgroupBroadcast(numbers, 0u));
    add_four(sums, panel, first + 4u, subgroupBroadcast(numbers, 1u));
    add_four(sums, panel, first + 8u, subgroupBroadcast(numbers, 2u));
    add_four(sums, panel, first + 12u, subgroupBroadcast(numbers, 3u));
    add_four(sums, panel, first + 16u, subgroupBroadcast(numbers, 4u));
    add_four(sums, panel, first + 20u, subgroupBroadcast(numbers, 5u));
    add_four(sums, panel, first + 24u, subgroupBroadcast(numbers, 6u));
    add_four(sums, panel, first + 28u, subgroupBroadcast(numbers, 7u));
}

/// A vector of a pixel that is whole: one of two columns of the row whose sums begin at `first`.
/// Selections, because an index costs software adapters a load per number.
fn whole_vector(sums: ptr<function, array<f32, 24>>, first: u32, column: u32, v: u32) -> f32 {
    let near = vec4f((*sums)[first], (*sums)[first + 1u], (*sums)[first + 2u], (*sums)[first + 3u]);
    let far = vec4f((*sums)[first + 4u], (*sums)[first + 5u], (*sums)[first + 6u], (*sums)[first + 7u]);
    let both = select(near, far, column == 1u);
    let low = select(both.x, both.y, v == 1u);
    return select(low, select(both.z, both.w, v == 3u), v >= 2u);
}
