/// The row of a teacher's binomial, from binomial_pack; n is the last bin.
fn teacher_peak(pixel: u32, n: f32) -> BinomialPeak {
    let numbers = 5u * pixel;
    return binomial_peak(teacher[numbers], teacher[numbers + 1u], teacher[numbers + 2u], n);
}

/// Logit k of a teacher: given (`index` is its place), of a binomial below its peak, or of a
/// Gaussian one bin wide around `at`.
fn teacher_logit(index: u32, at: f32, taught: BinomialPeak, k: f32) -> f32 {
    if (TEACHER == LOGITS) {
        return teacher[index];
    }
    if (TEACHER == BINOMIAL) {
        return peaked_logit(taught, k);
    }
    return -0.5 * (at - k) * (at - k);
}
