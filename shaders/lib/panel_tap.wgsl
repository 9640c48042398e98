/// A row of the weights, [b, c, v]. Each row is an array of its own, set to zero and filled before
/// the next: the time of compilers grows with the square of the stores between two loops.
alias Taps = array<f32, 3u * CHANNELS * VECTORS>;

/// Adds a number, by one tap, to sums.
fn add_tap(sums: ptr<function, Sums>, first: u32, taps: ptr<function, Taps>, tap: u32, c: u32, number: f32) {
    let at = (tap * CHANNELS + c) * VECTORS;
    (*sums)[first] = fma(number, (*taps)[at], (*sums)[first]);
    if (VECTORS > 1u) {
        (*sums)[first + 1u] = fma(number, (*taps)[at + 1u], (*sums)[first + 1u]);
    }
    if (VECTORS > 2u) {
        (*sums)[first + 2u] = fma(number, (*taps)[at + 2u], (*sums)[first + 2u]);
    }
    if (VECTORS > 3u) {
        (*sums)[first + 3u] = fma(number, (*taps)[at + 3u], (*sums)[first + 3u]);
    }
}
