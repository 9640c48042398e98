/// Logits of an invocation's four pixels at BINS bins.
struct Tile { z: array<vec4f, BINS> }

/// Logits without bias of the pixels whose features start at `x`, bins from `k0` on; past the last
/// bin, of the last. The lanes share the bins' weights.
fn logits_at(x: vec4u, k0: u32, lane: u32) -> Tile {
    let w = min(k0 + rows_of(lane), vec4u(params.bins - 1u)) * params.channels;
    var z: array<vec4f, BINS>; // indexed by constants only, so that it stays in registers
    for (var c = 0u; c < params.channels; c++) {
        var weights = vec4f(weight[w.x + c], 0.0, 0.0, 0.0);
        if (LANES < 16u) {
            weights.y = weight[w.y + c];
        }
        if (LANES < 8u) {
            weights.z = weight[w.z + c];
            weights.w = weight[w.w + c];
        }
        let pixels =
            vec4f(features[x.x + c], features[x.y + c], features[x.z + c], features[x.w + c]);
        outer(&z, weights, pixels);
    }
    return Tile(z);
}
