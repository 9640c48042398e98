/// Moments (count, mean, sum of squared deviations) of two sets together.
fn merge_moments(a: vec3f, b: vec3f) -> vec3f {
    let count = a.x + b.x;
    let share = b.x / select(count, 1.0, count == 0.0); // 0 if both are empty
    let apart = b.y - a.y;
    return vec3f(count, a.y + apart * share, a.z + b.z + apart * apart * a.x * share);
}
