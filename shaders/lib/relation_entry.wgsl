/// Product of token i of a view with token j of another, of the student and of the teacher.
fn entry_of(view: u32, i: u32, other: u32, j: u32) -> vec2f {
    let a = view * params.tokens + i;
    let b = other * params.tokens + j;
    var sum = vec2f(0.0);
    for (var e = 0u; e < params.features; e++) {
        sum.x += student[a * params.features + e] * student[b * params.features + e];
    }
    for (var e = 0u; e < params.teacher_features; e++) {
        let places = vec2u(a, b) * params.teacher_features + e;
        sum.y += teacher[places.x] * teacher[places.y];
    }
    return sum;
}
