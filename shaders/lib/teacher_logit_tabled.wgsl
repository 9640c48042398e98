/// The row of a teacher's binomial, from binomial_pack.
fn teacher_row(pixel: u32) -> BinomialRow {
    let numbers = 5u * pixel;
    let peak = teacher[numbers + 2u];
    let place = 2u * u32(peak);
    let choose = vec2f(log_choose[place], log_choose[place + 1u]);
    return binomial_row(teacher[numbers], teacher[numbers + 1u], peak, choose);
}

/// Logit k of a teacher: given (`index` is its place), of a binomial below its peak (`choose` is
/// the entry of the table), or of a Gaussian one bin wide around `at`.
fn teacher_logit(index: u32, at: f32, taught: BinomialRow, k: f32, choose: vec2f) -> f32 {
    if (TEACHER == LOGITS) {
        return teacher[index];
    }
    if (TEACHER == BINOMIAL) {
        return binomial_logit(taught, k, choose);
    }
    return -0.5 * (at - k) * (at - k);
}
