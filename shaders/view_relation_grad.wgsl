// view_relation_grad — gradient of the relations for the tokens, each view in both its roles.
//
//   d_tokens[v, i, e] = sum_j d_relation[v, i, j] tokens[v + 1, j, e]
//                     + sum_j d_relation[v - 1, j, i] tokens[v - 1, j, e]
//   views mod V; a pair that does not exist (p >= pairs) adds nothing
//
// Layout   tokens, d_tokens [V, L, E], features contiguous; d_relation [pairs, L, L]
// Mapping  a workgroup of 8 x 8 owns 32 tokens x 32 features of one view, each invocation 4 x 4 of
//          it, 8 apart; both factors pass through workgroup memory, PANEL terms at a time, first
//          for one role, then for the other
// Memory   each gradient is loaded E / 32 times, each token 2 L / 32 times; bound by arithmetic
// Source   derivative of view_relation
// Twin     src/kernels/relations/view_relation.ts

struct Params {
    views: u32,    // V
    pairs: u32,
    tokens: u32,   // L
    features: u32, // E
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> tokens: array<f32>;
@group(0) @binding(2) var<storage, read> d_relation: array<f32>;
@group(0) @binding(3) var<storage, read_write> d_tokens: array<f32>;

const SIDE: u32 = 8u; // invocations along each side of the workgroup
const TILE: u32 = 32u; // host: 4 SIDE
const PANEL: u32 = 16u;

// 2 KiB: TILE tokens x PANEL terms, rows padded by one against bank conflicts
var<workgroup> wg_a: array<f32, 544>;
var<workgroup> wg_b: array<f32, 512>; // 2 KiB: PANEL terms x TILE features

/// Gradient of the relation of token i of this view with token j of the other; as first or as
/// second of pair p.
fn d_pair(p: u32, second: bool, i: u32, j: u32) -> f32 {
    if (p >= params.pairs || i >= params.tokens || j >= params.tokens) {
        return 0.0;
    }
    let at = select(i * params.tokens + j, j * params.tokens + i, second);
    return d_relation[p * params.tokens * params.tokens + at];
}

/// Feature e of token j of a view, 0 beyond the end.
fn feature(view: u32, j: u32, e: u32) -> f32 {
    if (j >= params.tokens || e >= params.features) {
        return 0.0;
    }
    return tokens[(view * params.tokens + j) * params.features + e];
}

@compute @workgroup_size(8, 8)
fn view_relation_grad(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) id: vec3u,
) {
    // workgroups are counted through: a grid takes 65,535 of them along an axis
    let index = group.x + group.y * groups.x;
    let tiles_e = (params.features + TILE - 1u) / TILE;
    let tiles_i = (params.tokens + TILE - 1u) / TILE;
    let line = index / tiles_e;
    let view = line / tiles_i;
    if (view >= params.views) {
        return;
    }
    let first_i = (line - view * tiles_i) * TILE;
    let first_e = (index - line * tiles_e) * TILE;
    let lane = id.y * SIDE + id.x;
    var sum: array<vec4f, 4>;
    for (var role = 0u; role < 2u; role++) {
        let before = (view + params.views - 1u) % params.views;
        let other = select((view + 1u) % params.views, before, role == 1u);
        let pair = select(view, before, role == 1u);
        for (var j = 0u; j < params.tokens; j += PANEL) {
            for (var at = lane; at < TILE * PANEL; at += SIDE * SIDE) {
                let place = at / PANEL * (PANEL + 1u) + at % PANEL;
                wg_a[place] = d_pair(pair, role == 1u, first_i + at / PANEL, j + at % PANEL);
                wg_b[at] = feature(other, j + at / TILE, first_e + at % TILE);
            }
            // the panels are complete before they are read
            workgroupBarrier();
            for (var step = 0u; step < PANEL; step++) {
                let column = step * TILE + id.x;
                let b = vec4f(wg_b[column], wg_b[column + SIDE], wg_b[column + 2u * SIDE],
                    wg_b[column + 3u * SIDE]);
                let row = id.y * (PANEL + 1u) + step;
                let stride = SIDE * (PANEL + 1u);
                sum[0] += wg_a[row] * b;
                sum[1] += wg_a[row + stride] * b;
                sum[2] += wg_a[row + 2u * stride] * b;
                sum[3] += wg_a[row + 3u * stride] * b;
            }
            // and read before the next ones replace them
            workgroupBarrier();
        }
    }
    for (var r = 0u; r < 4u; r++) {
        let i = first_i + r * SIDE + id.y;
        for (var c = 0u; c < 4u; c++) {
            let e = first_e + c * SIDE + id.x;
            if (i < params.tokens && e < params.features) {
                d_tokens[(view * params.tokens + i) * params.features + e] = sum[r][c];
            }
        }
    }
}
