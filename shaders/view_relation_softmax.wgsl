// view_relation_softmax — divergence of the row softmax of two view relations, neither stored.
//
//   s[v, w, i, j] = sum_e student[v, i, e] student[w, j, e] / temperature, t likewise of teacher
//   kl[v, w, i] = sum_j q_j (ln q_j - ln p_j),  p = softmax_j(s),  q = softmax_j(t)
//   partials[b] = (sum of kl, count) over the rows i of a tile
//   statistics[v, d, i] = (ln sum_j e^s, ln sum_j e^t)
//   d = 0: w is the next view, d = 1: the one before; all 0 where v and w are no pair
//
// Layout   student [V, L, E], teacher [V, L, F], features contiguous, of length 1 for cosines;
//          partials [2 V tiles, 2]; statistics [V, 2, L, 2]
// Mapping  a workgroup of 8 x 8 owns TILE rows of one view towards one neighbour and walks through
//          the tiles of that neighbour: each invocation makes 4 x 4 of both tiles, then one
//          invocation per row adds it to its running maxima and sums
// Memory   each token is loaded 2 L / 32 times; bound by arithmetic
// Source   CIRKD, Yang et al. 2022 (arXiv:2204.06986) eq. 5; online softmax, Milakov and
//          Gimelshein 2018 (arXiv:1805.02867)
// Twin     src/kernels/relations/view_relation_softmax.ts

struct Params {
    views: u32,               // V
    pairs: u32,
    tokens: u32,              // L
    features: u32,            // E, of the student
    teacher_features: u32,    // F
    tiles: u32,               // of rows, at least 1
    inverse_temperature: f32, // 1 / temperature
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> student: array<f32>;
@group(0) @binding(2) var<storage, read> teacher: array<f32>;
@group(0) @binding(3) var<storage, read_write> partials: array<f32>;
@group(0) @binding(4) var<storage, read_write> statistics: array<f32>;

const SIDE: u32 = 8u; // invocations along each side of the workgroup
const TILE: u32 = 32u; // host: 4 SIDE
const PANEL: u32 = 16u;

// 2 KiB: TILE tokens x PANEL features, rows padded by one against bank conflicts
var<workgroup> wg_a: array<f32, 544>;
var<workgroup> wg_b: array<f32, 544>; // 2 KiB: of the other view
var<workgroup> wg_s: array<f32, 1056>; // 4 KiB: a tile of s, rows padded by one
var<workgroup> wg_t: array<f32, 1056>; // 4 KiB: of t
var<workgroup> wg_kl: array<f32, 32>; // 128 B: kl of each row

// <lib relation_tile>
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

/// TILE x TILE of the relation of two views, the teacher's or the student's, 0 beyond the ends; an
/// invocation has 4 x 4 of it, SIDE apart.
fn relation_tile(
    of_teacher: bool,
    view: u32,
    other: u32,
    first_i: u32,
    first_j: u32,
    id: vec3u,
) -> array<vec4f, 4> {
    let stride = SIDE * (PANEL + 1u);
    let width = select(params.features, params.teacher_features, of_teacher);
    var sum: array<vec4f, 4>;
    for (var e = 0u; e < width; e += PANEL) {
        for (var at = id.y * SIDE + id.x; at < TILE * PANEL; at += SIDE * SIDE) {
            let place = at / PANEL * (PANEL + 1u) + at % PANEL;
            wg_a[place] = feature(of_teacher, view, first_i + at / PANEL, e + at % PANEL);
            wg_b[place] = feature(of_teacher, other, first_j + at / PANEL, e + at % PANEL);
        }
        // the panels are complete before they are read
        workgroupBarrier();
        for (var step = 0u; step < PANEL; step++) {
            let column = id.x * (PANEL + 1u) + step;
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
    return sum;
}
// </lib>

// <lib online_softmax>
/// Below every logit; so far above the lowest f32 that neither a difference to it nor its power of
/// two overflows, since WGSL may assume that there is no infinity.
const LOWEST: f32 = -1e38;

/// Adds one logit to (maximum, sum of exp(z - maximum)) with one exponential, whichever of the two
/// is larger.
fn with_logit(state: vec2f, z: f32) -> vec2f {
    let e = exp(-abs(z - state.x));
    return select(vec2f(state.x, state.y + e), vec2f(z, state.y * e + 1.0), z > state.x);
}
// </lib>

/// Adds one entry to (maximum of t, sum of e^(t - maximum), sum of e^(t - maximum) (t - s)).
fn with_entry(state: vec3f, t: f32, apart: f32) -> vec3f {
    let e = exp(-abs(t - state.x));
    let raised = vec3f(t, state.yz * e + vec2f(1.0, apart));
    return select(vec3f(state.x, state.yz + e * vec2f(1.0, apart)), raised, t > state.x);
}

@compute @workgroup_size(8, 8)
fn view_relation_softmax(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) id: vec3u,
) {
    // workgroups are counted through: a grid takes 65,535 of them along an axis
    let index = group.x + group.y * groups.x;
    let line = index / params.tiles;
    let view = line / 2u;
    let direction = line % 2u;
    if (view >= params.views) {
        return;
    }
    let before = (view + params.views - 1u) % params.views;
    let other = select((view + 1u) % params.views, before, direction == 1u);
    let pair = select(view, before, direction == 1u);
    let first_i = (index - line * params.tiles) * TILE;
    let lane = id.y * SIDE + id.x;
    let owns_row = lane < TILE && first_i + lane < params.tokens;
    var of_teacher = vec3f(LOWEST, 0.0, 0.0);
    var of_student = vec2f(LOWEST, 0.0);
    let columns = select(0u, params.tokens, pair < params.pairs);
    for (var j = 0u; j < columns; j += TILE) {
        let s = relation_tile(false, view, other, first_i, j, id);
        let t = relation_tile(true, view, other, first_i, j, id);
        for (var at = 0u; at < 16u; at++) {
            let place = (at / 4u * SIDE + id.y) * (TILE + 1u) + at % 4u * SIDE + id.x;
            wg_s[place] = s[at / 4u][at % 4u] * params.inverse_temperature;
            wg_t[place] = t[at / 4u][at % 4u] * params.inverse_temperature;
        }
        // the tiles are complete before their rows are read
        workgroupBarrier();
        if (owns_row) {
            for (var column = 0u; column < min(TILE, params.tokens - j); column++) {
                let place = lane * (TILE + 1u) + column;
                of_student = with_logit(of_student, wg_s[place]);
                of_teacher = with_entry(of_teacher, wg_t[place], wg_t[place] - wg_s[place]);
            }
        }
        // and read before the next ones replace them
        workgroupBarrier();
    }
    var kl = 0.0;
    var ends = vec2f(0.0);
    if (owns_row && columns > 0u) {
        ends = vec2f(of_student.x + log(of_student.y), of_teacher.x + log(of_teacher.y));
        kl = of_teacher.z / of_teacher.y + (ends.x - ends.y);
    }
    if (owns_row) {
        let at = 2u * (line * params.tokens + first_i + lane);
        statistics[at] = ends.x;
        statistics[at + 1u] = ends.y;
    }
    if (lane < TILE) {
        wg_kl[lane] = kl;
    }
    // the first invocation adds up the rows
    workgroupBarrier();
    if (lane == 0u) {
        for (var row = 1u; row < TILE; row++) {
            kl += wg_kl[row];
        }
        let rows = select(0u, min(TILE, params.tokens - first_i), columns > 0u);
        partials[2u * index] = kl;
        partials[2u * index + 1u] = f32(rows);
    }
}
