const NO_TAP: u32 = 0xffffffffu;

/// The tap of a window on the pixel `distance` behind its start; NO_TAP when that lies between two.
fn tap_on(distance: u32, dilation: u32) -> u32 {
    if (!DILATED) {
        return distance;
    }
    let tap = distance / dilation;
    return select(NO_TAP, tap, tap * dilation == distance);
}
