/// Adds a number of the image, row a of the taps and term c, to three columns of sums.
fn add_number(sums: ptr<function, array<f32, 12>>, panel: ptr<function, array<f32, 9u * CHANNELS * VECTORS>>, a: u32, c: u32, number: f32) {
    for (var b = 0u; b < 3u; b++) {
        let at = ((3u * a + b) * CHANNELS + c) * VECTORS;
        (*sums)[4u * b] = fma(number, (*panel)[at], (*sums)[4u * b]);
        if (VECTORS > 1u) {
            (*sums)[4u * b + 1u] = fma(number, (*panel)[at + 1u], (*sums)[4u * b + 1u]);
        }
        if (VECTORS > 2u) {
            (*sums)[4u * b + 2u] = fma(number, (*panel)[at + 2u], (*sums)[4u * b + 2u]);
        }
        if (VECTORS > 3u) {
            (*sums)[4u * b + 3u] = fma(number, (*panel)[at + 3u], (*sums)[4u * b + 3u]);
        }
    }
}

/// Adds four numbers of the image, from number `first` of a column's 3 x CHANNELS on.
fn add_four(sums: ptr<function, array<f32, 12>>, panel: ptr<function, array<f32, 9u * CHANNELS * VECTORS>>, first: u32, numbers: vec4f) {
    if (first < 3u * CHANNELS) {
        let a = first / CHANNELS;
        let c = first % CHANNELS;
        add_number(sums, panel, a, c, numbers.x);
        add_number(sums, panel, a, c + 1u, numbers.y);
        add_number(sums, panel, a, c + 2u, numbers.z);
        add_number(sums, panel, a, c + 3u, numbers.w);
    }
}

/// Adds the four numbers of each of 8 lanes. The lane of a broadcast must be a constant.
fn add_lanes(sums: ptr<function, array<f32, 12>>, panel: ptr<function, array<f32, 9u * CHANNELS * VECTORS>>, first: u32, numbers: vec4f) {
    add_four(sums, panel, first, subgroupBroadcast(numbers, 0u));
    add_four(sums, panel, first + 4u, subgroupBroadcast(numbers, 1u));
    add_four(sums, panel, first + 8u, subgroupBroadcast(numbers, 2u));
    add_four(sums, panel, first + 12u, subgroupBroadcast(numbers, 3u));
    add_four(sums, panel, first + 16u, subgroupBroadcast(numbers, 4u));
    add_four(sums, panel, first + 20u, subgroupBroadcast(numbers, 5u));
    add_four(sums, panel, first + 24u, subgroupBroadcast(numbers, 6u));
    add_four(sums, panel, first + 28u, subgroupBroadcast(numbers, 7u));
}

/// Moves the columns of sums on by one, and starts a column.
fn next_column(sums: ptr<function, array<f32, 12>>, start: vec4f) {
    for (var v = 0u; v < VECTORS; v++) {
        (*sums)[8u + v] = (*sums)[4u + v];
        (*sums)[4u + v] = (*sums)[v];
        (*sums)[v] = start[v];
    }
}

/// A vector of the column that is whole. Selections, because an index costs software adapters a
/// load per number.
fn whole_vector(sums: ptr<function, array<f32, 12>>, v: u32) -> f32 {
    let low = select((*sums)[8], (*sums)[9], v == 1u);
    return select(low, select((*sums)[10], (*sums)[11], v == 3u), v >= 2u);
}
