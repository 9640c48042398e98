// view_relation — similarity of the tokens of ring-adjacent views.
//
//   relation[p, i, j] = sum_e tokens[p, i, e] tokens[(p + 1) mod V, j, e]
//   p < pairs, which is V; 1 for V = 2; 0 for V = 1
//
// Layout   tokens [V, L, E], features contiguous, of length 1 for cosines; relation [pairs, L, L]
// Mapping  a workgroup of 8 x 8 owns 32 x 32 of one relation, each invocation 4 x 4 of it, 8 apart,
//          so that neighbours store neighbours; both sides pass through workgroup memory, PANEL
//          features at a time
// Memory   each token is loaded L / 32 times; bound by arithmetic from E = 64 on
// Source   cosine relation of adjacent views, as in CIRKD, Yang et al. 2022 (arXiv:2204.06986)
// Twin     src/kernels/relations/view_relation.ts

struct Params {
    views: u32,    // V
    tokens: u32,   // L
    features: u32, // E
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> tokens: array<f32>;
@group(0) @binding(2) var<storage, read_write> relation: array<f32>;

const SIDE: u32 = 8u; // invocations along each side of the workgroup
const TILE: u32 = 32u; // host: 4 SIDE
const PANEL: u32 = 16u;

// 2 KiB: TILE tokens x PANEL features, rows padded by one against bank conflicts
var<workgroup> wg_a: array<f32, 544>;
var<workgroup> wg_b: array<f32, 544>; // 2 KiB: of the next view

/// Feature e of token i of a view, 0 beyond the end.
fn feature(view: u32, i: u32, e: u32) -> f32 {
    if (i >= params.tokens || e >= params.features) {
        return 0.0;
    }
    return tokens[(view * params.tokens + i) * params.features + e];
}

@compute @workgroup_size(8, 8)
fn view_relation(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) id: vec3u,
) {
    // workgroups are counted through: a grid takes 65,535 of them along an axis
    let index = group.x + group.y * groups.x;
    let tiles = (params.tokens + TILE - 1u) / TILE;
    let line = index / tiles;
    let pair = line / tiles;
    if (pair >= select(params.views - 1u, params.views, params.views > 2u)) {
        return;
    }
    let next = (pair + 1u) % params.views;
    let first_i = (line - pair * tiles) * TILE;
    let first_j = (index - line * tiles) * TILE;
    let lane = id.y * SIDE + id.x;
    var sum: array<vec4f, 4>;
    for (var e = 0u; e < params.features; e += PANEL) {
        for (var at = lane; at < TILE * PANEL; at += SIDE * SIDE) {
            let place = at / PANEL * (PANEL + 1u) + at % PANEL;
            wg_a[place] = feature(pair, first_i + at / PANEL, e + at % PANEL);
            wg_b[place] = feature(next, first_j + at / PANEL, e + at % PANEL);
        }
        // the panels are complete before they are read
        workgroupBarrier();
        for (var step = 0u; step < PANEL; step++) {
            let column = id.x * (PANEL + 1u) + step;
            let stride = SIDE * (PANEL + 1u);
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
    for (var r = 0u; r < 4u; r++) {
        let i = first_i + r * SIDE + id.y;
        for (var c = 0u; c < 4u; c++) {
            let j = first_j + c * SIDE + id.x;
            if (i < params.tokens && j < params.tokens) {
                relation[(pair * params.tokens + i) * params.tokens + j] = sum[r][c];
            }
        }
    }
}
