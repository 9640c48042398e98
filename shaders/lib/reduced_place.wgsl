/// First element of x that output o folds.
fn kept_place(o: u32) -> u32 {
    let length_2 = fixed_or(KEPT_2, params.kept_2);
    let length_1 = fixed_or(KEPT_1, params.kept_1);
    let outer = o / length_2;
    return (outer / length_1) * params.kept_step_0 + (outer % length_1) * params.kept_step_1
        + (o - outer * length_2) * params.kept_step_2;
}

/// Elements from there to the j-th that it folds.
fn reduced_place(j: u32) -> u32 {
    if (REDUCED_AXES == 1u) {
        return j * params.reduced_step_2;
    }
    let length_2 = fixed_or(REDUCED_2, params.reduced_2);
    let length_1 = fixed_or(REDUCED_1, params.reduced_1);
    let outer = j / length_2;
    return (outer / length_1) * params.reduced_step_0 + (outer % length_1) * params.reduced_step_1
        + (j - outer * length_2) * params.reduced_step_2;
}
