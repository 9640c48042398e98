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

/// TILE x TILE of the student's relation of two views less the teacher's, 0 beyond the ends; an
/// invocation has 4 x 4 of it, SIDE apart.
fn difference(view: u32, other: u32, first_i: u32, first_j: u32, id: vec3u) -> array<vec4f, 4> {
    let stride = SIDE * (PANEL + 1u);
    var sum: array<vec4f, 4>;
    for (var model = 0u; model < 2u; model++) {
        let width = select(params.features, params.teacher_features, model == 1u);
        for (var e = 0u; e < width; e += PANEL) {
            for (var at = id.y * SIDE + id.x; at < TILE * PANEL; at += SIDE * SIDE) {
                let place = at / PANEL * (PANEL + 1u) + at % PANEL;
                wg_a[place] = feature(model == 1u, view, first_i + at / PANEL, e + at % PANEL);
                wg_b[place] = feature(model == 1u, other, first_j + at / PANEL, e + at % PANEL);
            }
            // the panels are complete before they are read
            workgroupBarrier();
            for (var step = 0u; step < PANEL; step++) {
                let column = id.x * (PANEL + 1u) + step;
                let theirs = vec4f(wg_b[column], wg_b[column + stride],
                    wg_b[column + 2u * stride], wg_b[column + 3u * stride]);
                let b = select(theirs, -theirs, model == 1u);
                let row = id.y * (PANEL + 1u) + step;
                sum[0] += wg_a[row] * b;
                sum[1] += wg_a[row + stride] * b;
                sum[2] += wg_a[row + 2u * stride] * b;
                sum[3] += wg_a[row + 3u * stride] * b;
            }
            // and read before the next ones replace them
            workgroupBarrier();
        }
    }
    return sum;
}
