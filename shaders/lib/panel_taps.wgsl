/// The vectors of three columns, of which the third is whole.
alias Sums = array<f32, 12>;

/// Adds a number of the image, which a row of the weights meets, to three columns of sums.
fn add_number(sums: ptr<function, Sums>, taps: ptr<function, Taps>, c: u32, number: f32) {
    add_tap(sums, 0u, taps, 0u, c, number);
    add_tap(sums, 4u, taps, 1u, c, number);
    add_tap(sums, 8u, taps, 2u, c, number);
}

fn add_numbers(sums: ptr<function, Sums>, taps: ptr<function, Taps>, c: u32, numbers: vec4f) {
    add_number(sums, taps, c, numbers.x);
    add_number(sums, taps, c + 1u, numbers.y);
    add_number(sums, taps, c + 2u, numbers.z);
    add_number(sums, taps, c + 3u, numbers.w);
}

/// Adds four numbers of the image, from number `first` of a column's 3 x CHANNELS on.
fn add_four(sums: ptr<function, Sums>, top: ptr<function, Taps>, middle: ptr<function, Taps>, bottom: ptr<function, Taps>, first: u32, numbers: vec4f) {
    if (first < CHANNELS) {
        add_numbers(sums, top, first, numbers);
    } else if (first < 2u * CHANNELS) {
        add_numbers(sums, middle, first - CHANNELS, numbers);
    } else if (first < 3u * CHANNELS) {
        add_numbers(sums, bottom, first - 2u * CHANNELS, numbers);
    }
}

/// Moves the columns of sums on by one, and starts a column.
fn next_column(sums: ptr<function, Sums>, start: vec4f) {
    for (var v = 0u; v < VECTORS; v++) {
        (*sums)[8u + v] = (*sums)[4u + v];
        (*sums)[4u + v] = (*sums)[v];
        (*sums)[v] = start[v];
    }
}

/// A vector of the column that is whole. Selections, because an index costs software adapters a
/// load per number.
fn whole_vector(sums: ptr<function, Sums>, v: u32) -> f32 {
    let low = select((*sums)[8], (*sums)[9], v == 1u);
    return select(low, select((*sums)[10], (*sums)[11], v == 3u), v >= 2u);
}
