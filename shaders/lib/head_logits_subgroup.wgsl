/// Logits of an invocation's four pixels at BINS bins.
struct Tile { z: array<vec4f, BINS> }

/// Logits without bias of the pixels whose features start at `x`, bins from `k0` on; past the last
/// bin, of the last. Each lane loads two of the bins' weights.
fn logits_at(x: vec4u, k0: u32, lane: u32) -> Tile {
    let w = min(k0 + lane + vec2u(0u, WG), vec2u(params.bins - 1u)) * params.channels;
    var tile: Tile; // indexed by constants only, so that it stays in registers
    for (var c = 0u; c < params.channels; c++) {
        let low = weight[w.x + c];
        let high = weight[w.y + c];
        let pixels =
            vec4f(features[x.x + c], features[x.y + c], features[x.z + c], features[x.w + c]);
        tile.z[0] = fma(vec4f(subgroupBroadcast(low, 0u)), pixels, tile.z[0]);
        tile.z[1] = fma(vec4f(subgroupBroadcast(low, 1u)), pixels, tile.z[1]);
        tile.z[2] = fma(vec4f(subgroupBroadcast(low, 2u)), pixels, tile.z[2]);
        tile.z[3] = fma(vec4f(subgroupBroadcast(low, 3u)), pixels, tile.z[3]);
        tile.z[4] = fma(vec4f(subgroupBroadcast(low, 4u)), pixels, tile.z[4]);
        tile.z[5] = fma(vec4f(subgroupBroadcast(low, 5u)), pixels, tile.z[5]);
        tile.z[6] = fma(vec4f(subgroupBroadcast(low, 6u)), pixels, tile.z[6]);
        tile.z[7] = fma(vec4f(subgroupBroadcast(low, 7u)), pixels, tile.z[7]);
        tile.z[8] = fma(vec4f(subgroupBroadcast(high, 0u)), pixels, tile.z[8]);
        tile.z[9] = fma(vec4f(subgroupBroadcast(high, 1u)), pixels, tile.z[9]);
        tile.z[10] = fma(vec4f(subgroupBroadcast(high, 2u)), pixels, tile.z[10]);
        tile.z[11] = fma(vec4f(subgroupBroadcast(high, 3u)), pixels, tile.z[11]);
        tile.z[12] = fma(vec4f(subgroupBroadcast(high, 4u)), pixels, tile.z[12]);
        tile.z[13] = fma(vec4f(subgroupBroadcast(high, 5u)), pixels, tile.z[13]);
        tile.z[14] = fma(vec4f(subgroupBroadcast(high, 6u)), pixels, tile.z[14]);
        tile.z[15] = fma(vec4f(subgroupBroadcast(high, 7u)), pixels, tile.z[15]);
    }
    return tile;
}
