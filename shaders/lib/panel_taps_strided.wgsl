/// Adds a number of the image, row a of the taps and term c, by one tap of each row.
fn add_tap(sums: ptr<function, array<f32, 8>>, first: u32, panel: ptr<function, array<f32, 9u * CHANNELS * VECTORS>>, tap: u32, c: u32, number: f32) {
    let at = (tap * CHANNELS + c) * VECTORS;
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

/// Adds a number of one of two columns: the first one reaches the last tap of the column of sums before, too.
fn add_number(sums: ptr<function, array<f32, 8>>, panel: ptr<function, array<f32, 9u * CHANNELS * VECTORS>>, row: u32, c: u32, number: f32) {
    if (row < 3u) {
        add_tap(sums, 0u, panel, 3u * row, c, number);
        add_tap(sums, 4u, panel, 3u * row + 2u, c, number);
    } else {
        add_tap(sums, 0u, panel, 3u * (row - 3u) + 1u, c, number);
    }
}

/// Adds four numbers, from number `first` of two columns' 6 x CHANNELS on.
fn add_four(sums: ptr<function, array<f32, 8>>, panel: ptr<function, array<f32, 9u * CHANNELS * VECTORS>>, first: u32, numbers: vec4f) {
    if (first < 6u * CHANNELS) {
        let row = first / CHANNELS; // of the first column, or of the second one from 3 on
        let c = first % CHANNELS;
        add_number(sums, panel, row, c, numbers.x);
        add_number(sums, panel, row, c + 1u, numbers.y);
        add_number(sums, panel, row, c + 2u, numbers.z);
        add_number(sums, panel, row, c + 3u, numbers.w);
    }
}

/// Adds the four numbers of each of 8 lanes. The lane of a broadcast must be a constant.
fn add_lanes(sums: ptr<function, array<f32, 8>>, panel: ptr<function, array<f32, 9u * CHANNELS * VECTORS>>, first: u32, numbers: vec4f) {
    add_four(sums, panel, first, subgroupBroadcast(numbers, 0u));
    add_four(sums, panel, first + 4u, subgroupBroadcast(numbers, 1u));
    add_four(sums, panel, first + 8u, subgroupBroadcast(numbers, 2u));
    add_four(sums, panel, first + 12u, subgroupBroadcast(numbers, 3u));
    add_four(sums, panel, first + 16u, subgroupBroadcast(numbers, 4u));
    add_four(sums, panel, first + 20u, subgroupBroadcast(numbers, 5u));
    add_four(sums, panel, first + 24u, subgroupBroadcast(numbers, 6u));
    add_four(sums, panel, first + 28u, subgroupBroadcast(numbers, 7u));
}
