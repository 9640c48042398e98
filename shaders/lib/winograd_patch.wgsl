/// B^T d: six neighbours of the image at the points 0, 5/8, -5/8, 3/2, -3/2 and infinity.
fn at_points(d: array<vec4f, 6>) -> array<vec4f, 6> {
    let p = d[4] - 2.25 * d[2];
    let q = 0.625 * (d[3] - 2.25 * d[1]);
    let r = d[4] - 0.390625 * d[2];
    let s = 1.5 * (d[3] - 0.390625 * d[1]);
    return array<vec4f, 6>(
        0.87890625 * d[0] - 2.640625 * d[2] + d[4],
        p + q,
        p - q,
        r + s,
        r - s,
        0.87890625 * d[1] - 2.640625 * d[3] + d[5],
    );
}
