/// Logits of TP pixels at TK bins.
struct Tile { z: array<array<f32, TK>, TP> }

/// Logits of the pixels and bins whose rows of features and weights start there.
fn logits_at(x: array<u32, TP>, w: array<u32, TK>, channels: u32) -> Tile {
    var tile: Tile;
    for (var c = 0u; c < channels; c++) {
        var xs: array<f32, TP>;
        for (var i = 0u; i < TP; i++) {
            xs[i] = features[x[i] + c];
        }
        for (var j = 0u; j < TK; j++) {
            let value = weight[w[j] + c];
            for (var i = 0u; i < TP; i++) {
                tile.z[i][j] += xs[i] * value;
            }
        }
    }
    return tile;
}
