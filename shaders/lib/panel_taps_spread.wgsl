/// The vectors of two rows of three columns, of which the first two are whole after a step.
alias Sums = array<f32, 24>;

/// Adds a number of the map to three columns of a row of sums.
fn add_number(sums: ptr<function, Sums>, first: u32, taps: ptr<function, Taps>, o: u32, number: f32) {
    add_tap(sums, first, taps, 0u, o, number);
    add_tap(sums, first + 4u, taps, 1u, o, number);
    add_tap(sums, first + 8u, taps, 2u, o, number);
}

fn add_numbers(sums: ptr<function, Sums>, first: u32, taps: ptr<function, Taps>, o: u32, numbers: vec4f) {
    add_number(sums, first, taps, o, numbers.x);
    add_number(sums, first, taps, o + 1u, numbers.y);
    add_number(sums, first, taps, o + 2u, numbers.z);
    add_number(sums, first, taps, o + 3u, numbers.w);
}

/// Adds four numbers of the map, from number `first` of a column's 2 x CHANNELS on: those of its upper
/// row meet the bottom taps of the first row of sums, those of its lower row the others of both.
fn add_four(sums: ptr<function, Sums>, top: ptr<function, Taps>, middle: ptr<function, Taps>, bottom: ptr<function, Taps>, first: u32, numbers: vec4f) {
    if (first < CHANNELS) {
        add_numbers(sums, 0u, bottom, first, numbers);
    } else if (first < 2u * CHANNELS) {
        add_numbers(sums, 0u, top, first - CHANNELS, numbers);
        add_numbers(sums, 12u, middle, first - CHANNELS, numbers);
    }
}

/// A vector of a pixel that is whole: one of two columns of the row whose sums begin at `first`.
/// Selections, because an index costs software adapters a load per number.
fn whole_vector(sums: ptr<function, Sums>, first: u32, column: u32, v: u32) -> f32 {
    let near = vec4f((*sums)[first], (*sums)[first + 1u], (*sums)[first + 2u], (*sums)[first + 3u]);
    let far = vec4f((*sums)[first + 4u], (*sums)[first + 5u], (*sums)[first + 6u], (*sums)[first + 7u]);
    let both = select(near, far, column == 1u);
    let low = select(both.x, both.y, v == 1u);
    return select(low, select(both.z, both.w, v == 3u), v >= 2u);
}
