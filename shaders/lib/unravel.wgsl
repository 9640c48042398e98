/// Coordinates of element i along AXES axes, right-aligned, the last one fastest.
fn unravel(i: u32) -> array<u32, 6> {
    var at: array<u32, 6>;
    at[5] = i;
    if (AXES > 1u) {
        let length = fixed_or(SHAPE_5, params.shape_5);
        at[4] = i / length;
        at[5] = i - at[4] * length;
    }
    if (AXES > 2u) {
        let length = fixed_or(SHAPE_4, params.shape_4);
        at[3] = at[4] / length;
        at[4] -= at[3] * length;
    }
    if (AXES > 3u) {
        let length = fixed_or(SHAPE_3, params.shape_3);
        at[2] = at[3] / length;
        at[3] -= at[2] * length;
    }
    if (AXES > 4u) {
        let length = fixed_or(SHAPE_2, params.shape_2);
        at[1] = at[2] / length;
        at[2] -= at[1] * length;
    }
    if (AXES > 5u) {
        let length = fixed_or(SHAPE_1, params.shape_1);
        at[0] = at[1] / length;
        at[1] -= at[0] * length;
    }
    return at;
}
