// view_relation_weighted — weighted squared difference of two view relations, neither stored.
//
//   d[p, i, j] = sum_e student[p, i, e] student[p + 1, j, e]
//              - sum_f teacher[p, i, f] teacher[p + 1, j, f]
//   partials[p, s, t] = (sum of weights[p, i, j] d[p, i, j]^2, sum of weights[p, i, j]), i in tile
//                       s, j in tile t
//   p < pairs, which is V; 1 for V = 2; 0 for V = 1, where one partial of zeros is written
//
// Layout   student [V, L, E], teacher [V, L, F], features contiguous, of length 1 for cosines;
//          weights [pairs, L, L]; partials [B, 2], tiles of TILE x TILE entries
// Mapping  a workgroup of 8 x 8 owns a tile, each invocation 4 x 4 of it, 8 apart; both sides pass
//          through workgroup memory, PANEL features at a time
// Memory   each token is loaded L / 32 times, each weight once; bound by arithmetic
// Source   cosine relation of adjacent views, as in CIRKD, Yang et al. 2022 (arXiv:2204.06986);
//          tiles are a fixed number of entries, so that every adapter adds the same numbers
// Twin     src/kernels/relations/view_relation_weighted.ts

struct Params {
    views: u32,            // V
    pairs: u32,
    tokens: u32,           // L
    features: u32,         // E, of the student
    teacher_features: u32, // F
    tiles: u32,            // along each side of a relation, at least 1
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> student: array<f32>;
@group(0) @binding(2) var<storage, read> teacher: array<f32>;
@group(0) @binding(3) var<storage, read> weights: array<f32>;
@group(0) @binding(4) var<storage, read_write> partials: array<f32>;

const SIDE: u32 = 8u; // invocations along each side of the workgroup
const TILE: u32 = 32u; // host: 4 SIDE
const PANEL: u32 = 16u;

// 2 KiB: TILE tokens x PANEL features, rows padded by one against bank conflicts
var<workgroup> wg_a: array<f32, 544>;
var<workgroup> wg_b: array<f32, 544>; // 2 KiB: of the next view
var<workgroup> wg_sum: array<vec2f, 64>; // 512 B: sums of each invocation

// <lib relation_difference>
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
// </lib>

@compute @workgroup_size(8, 8)
fn view_relation_weighted(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) id: vec3u,
) {
    // workgroups are counted through: a grid takes 65,535 of them along an axis
    let index = group.x + group.y * groups.x;
    let line = index / params.tiles;
    let pair = line / params.tiles;
    if (pair >= max(params.pairs, 1u)) {
        return;
    }
    let first_i = (line - pair * params.tiles) * TILE;
    let first_j = (index - line * params.tiles) * TILE;
    let lane = id.y * SIDE + id.x;
    var sum = vec2f(0.0);
    if (pair < params.pairs) {
        let next = (pair + 1u) % params.views;
        let d = difference(pair, next, first_i, first_j, id);
        for (var at = 0u; at < 16u; at++) {
            let i = first_i + at / 4u * SIDE + id.y;
            let j = first_j + at % 4u * SIDE + id.x;
            if (i < params.tokens && j < params.tokens) {
                let weight = weights[(pair * params.tokens + i) * params.tokens + j];
                let apart = d[at / 4u][at % 4u];
                sum += weight * vec2f(apart * apart, 1.0);
            }
        }
    }
    wg_sum[lane] = sum;
    // the first invocation adds up the sums of all invocations
    workgroupBarrier();
    if (lane == 0u) {
        for (var other = 1u; other < SIDE * SIDE; other++) {
            sum += wg_sum[other];
        }
        partials[2u * index] = sum.x;
        partials[2u * index + 1u] = sum.y;
    }
}
