/// The number of taps of a window starting at `start` that lie in [begin, end).
fn taps_inside(start: i32, taps: u32, dilation: u32, begin: i32, end: i32) -> u32 {
    var inside = 0u;
    for (var i = 0u; i < taps; i++) {
        let position = start + i32(i * dilation);
        inside += select(0u, 1u, position >= begin && position < end);
    }
    return inside;
}
