/// A row of up to 16 vectors, as wide as the wider of W4 and V4: vector i lies in lane i mod LANES,
/// in part i / LANES of that lane.
fn spread(parts: array<vec4f, 4>) -> array<vec4f, 16> {
    var row = array<vec4f, 16>();
    for (var c = 0u; c < 4u; c++) {
        var fours = array<vec4f, 4>(lanes_0(parts[0][c]), vec4f(), vec4f(), vec4f());
        if (max(W4, V4) > 4u) {
            if (LANES == 4u) {
                fours[1] = lanes_0(parts[1][c]);
            } else {
                fours[1] = lanes_4(parts[0][c]);
            }
        }
        if (max(W4, V4) > 8u) {
            if (LANES == 4u) {
                fours[2] = lanes_0(parts[2][c]);
                fours[3] = lanes_0(parts[3][c]);
            } else if (LANES == 8u) {
                fours[2] = lanes_0(parts[1][c]);
                fours[3] = lanes_4(parts[1][c]);
            } else {
                fours[2] = lanes_8(parts[0][c]);
                fours[3] = lanes_12(parts[0][c]);
            }
        }
        for (var i = 0u; i < 16u; i++) {
            row[i][c] = fours[i / 4u][i % 4u];
        }
    }
    return row;
}
