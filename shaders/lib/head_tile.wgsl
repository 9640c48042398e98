/// Gradients of PIXELS pixels from `first` to `end` at BINS_TILE bins from `k0`: for their logits,
/// into wg_d_z, and for their centres, into wg_d_center; 0 past the ends. Each lane makes 4 x 4.
fn head_tile(lane: u32, first: u32, end: u32, k0: u32) {
    var z: array<vec4f, 4>;
    let row0 = first + lane / 4u * 4u;
    let bin0 = k0 + lane % 4u * 4u;
    let last_row = params.rows - 1u;
    let last_bin = params.bins - 1u;
    let x = min(row0 + vec4u(0u, 1u, 2u, 3u), vec4u(last_row)) * params.channels;
    let w = min(bin0 + vec4u(0u, 1u, 2u, 3u), vec4u(last_bin)) * params.channels;
    for (var c = 0u; c < params.channels; c++) {
        let ws = vec4f(weight[w.x + c], weight[w.y + c], weight[w.z + c], weight[w.w + c]);
        z[0] += features[x.x + c] * ws;
        z[1] += features[x.y + c] * ws;
        z[2] += features[x.z + c] * ws;
        z[3] += features[x.w + c] * ws;
    }
    for (var i = 0u; i < 4u; i++) {
        let row = min(row0 + i, last_row);
        let f = 8u * row;
        let center_start = row / params.pixels_per_center * params.bins;
        for (var j = 0u; j < 4u; j++) {
            let k = min(bin0 + j, last_bin);
            var offset = 0.0;
            if (HAS_BIAS) {
                offset = bias[k];
            }
            let p = exp(z[i][j] + offset - factors[f]) * factors[f + 1u];
            let d_z = p * (factors[f + 4u] * centers[center_start + k] - factors[f + 7u]);
            let inside = row0 + i < end && bin0 + j < params.bins;
            let at = (lane / 4u * 4u + i) * BINS_TILE + lane % 4u * 4u + j;
            wg_d_z[at] = select(0.0, d_z, inside);
            wg_d_center[at] = select(0.0, factors[f + 4u] * p, inside);
        }
    }
}
