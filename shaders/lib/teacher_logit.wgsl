/// Logit k of a teacher: given (`index` is its place), or of a Gaussian one bin wide around `at`.
fn teacher_logit(index: u32, at: f32, k: f32) -> f32 {
    if (TEACHER == LOGITS) {
        return teacher[index];
    }
    return -0.5 * (at - k) * (at - k);
}
