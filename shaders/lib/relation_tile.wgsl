/// Feature e of token i of a view, the teacher's or the student's; 0 beyond the ends.
fn feature(of_teacher: bool, view: u32, i: u32, e: u32) -> f32 {
    let width = select(params.features, params.teacher_features, of_teacher);
    if (i >= params.tokens || e >= width) {
        return 0.0;
    }
    let at = (view * params.tokens + i) * width + e;
    if (of_teacher) {
        return teacher[at];
    }
    return student[at];
}

/// TILE x TILE of the relation of two views, the teacher's or the student's, 0 beyond the ends; an
/// invocation has 4 x 4 of it, SIDE apart.
fn relation_tile(
    of_teacher: bool,
    view: u32,
    other: u32,
    first_i: u32,
    first_j: u32,
    id: vec3u,
) -> array<vec4f, 4> {
    let stride = SIDE * (PANEL + 1u);
    let width = select(params.features, params.teacher_features, of_teacher);
    var sum: array<vec4f, 4>;
    for (var e = 0u; e < width; e += PANEL) {
        for (var at = id.y * SIDE + id.x; at < TILE * PANEL; at += SIDE * SIDE) {
            let place = at / PANEL * (PANEL + 1u) + at % PANEL;
            wg_a[place] = feature(of_teacher, view, first_i + at / PANEL, e + at % PANEL);
            wg_b[place] = feature(of_teacher, other, first_j + at / PANEL, e + at % PANEL);
        }
        // the panels are complete before they are read
        workgroupBarrier();
        for (var step = 0u; step < PANEL; step++) {
            let column = id.x * (PANEL + 1u) + step;
            let b = vec4f(wg_b[column], wg_b[column + stride], wg_b[column + 2u * stride],
                wg_b[column + 3u * stride]);
            let row = id.y * (PANEL + 1u) + step;
            sum[0] += wg_a[row] * b;
            sum[1] += wg_a[row + stride] * b;
            sum[2] += wg_a[row + 2u * stride] * b;
            sum[3] += wg_a[row + 3u * stride] * b;
        }
        // and read before the next ones replace them
        workgroupBarrier();
    }
    return sum;
}
