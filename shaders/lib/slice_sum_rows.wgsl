/// The sum at vector `unit` of y and at those `blocks` rows apart behind it. The places in a, b, c and
/// d are carried from row to row; a loop that is not unrolled fits into the caches of a processor.
fn sum_rows(unit: u32, blocks: u32) {
    let q = unit % params.quads;
    let j = unit / params.quads;
    let a_step = blocks * params.a_pitch;
    let b_step = blocks * params.b_pitch;
    let c_step = blocks * params.c_pitch;
    let d_step = blocks * params.d_pitch;
    let y_step = blocks * params.quads;
    var in_a = j * params.a_pitch + params.a_first + q;
    var in_b = j * params.b_pitch + params.b_first + q;
    var in_c = j * params.c_pitch + params.c_first + q;
    var in_d = j * params.d_pitch + params.d_first + q;
    let end = params.rows * params.quads;
    for (var i = unit; i < end; i += y_step) {
        var sum = a[in_a] + b[in_b];
        if (c_step != 0u) {
            sum += c[in_c];
        }
        if (d_step != 0u) {
            sum += d[in_d];
        }
        y[i] = sum;
        in_a += a_step;
        in_b += b_step;
        in_c += c_step;
        in_d += d_step;
    }
}
