/// The vectors of the column of this step and of the one before, which the step makes whole.
alias Sums = array<f32, 8>;

/// Adds a number of the first column of the image, which also reaches the last tap of the column
/// before.
fn add_first(sums: ptr<function, Sums>, taps: ptr<function, Taps>, c: u32, number: f32) {
    add_tap(sums, 0u, taps, 0u, c, number);
    add_tap(sums, 4u, taps, 2u, c, number);
}

/// Adds numbers of one of two columns.
fn add_numbers(sums: ptr<function, Sums>, taps: ptr<function, Taps>, is_second: bool, c: u32, numbers: vec4f) {
    if (is_second) {
        add_tap(sums, 0u, taps, 1u, c, numbers.x);
        add_tap(sums, 0u, taps, 1u, c + 1u, numbers.y);
        add_tap(sums, 0u, taps, 1u, c + 2u, numbers.z);
        add_tap(sums, 0u, taps, 1u, c + 3u, numbers.w);
    } else {
        add_first(sums, taps, c, numbers.x);
        add_first(sums, taps, c + 1u, numbers.y);
        add_first(sums, taps, c + 2u, numbers.z);
        add_first(sums, taps, c + 3u, numbers.w);
    }
}

/// Adds four numbers, from number `first` of two columns' 6 x CHANNELS on.
fn add_four(sums: ptr<function, Sums>, top: ptr<function, Taps>, middle: ptr<function, Taps>, bottom: ptr<function, Taps>, first: u32, numbers: vec4f) {
    if (first < 6u * CHANNELS) {
        let row = first / CHANNELS % 3u;
        let is_second = first >= 3u * CHANNELS;
        let c = first % CHANNELS;
        if (row == 0u) {
            add_numbers(sums, top, is_second, c, numbers);
        } else if (row == 1u) {
            add_numbers(sums, middle, is_second, c, numbers);
        } else {
            add_numbers(sums, bottom, is_second, c, numbers);
        }
    }
}
