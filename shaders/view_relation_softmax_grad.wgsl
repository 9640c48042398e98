// view_relation_softmax_grad — gradient of view_relation_softmax for the tokens, no relation stored.
//
//   d[v, w, i, j] = p[v, w, i, j] - q[v, w, i, j] + p[w, v, j, i] - q[w, v, j, i]
//   p[v, w, i, j] = e^(s[v, w, i, j] - statistics[v, w, i, 0]), q of t and statistics[.., 1]
//   d_student[v, i, e] = d_loss / (2 pairs L temperature) sum_w sum_j d[v, w, i, j] student[w, j, e]
//   w runs over the views that v has a pair with, the next one, then the one before
//
// Layout   student, d_student [V, L, E], teacher [V, L, F], features contiguous; statistics [V, 2,
//          L, 2] and s, t as in view_relation_softmax.wgsl; d_loss [1]
// Mapping  a workgroup of 8 x 8 owns 32 tokens x 32 CHUNKS features of one view, each invocation 4
//          x 4 of each chunk, 8 apart; tiles of d are recomputed, first for one role, then for the
//          other, and multiplied with panels of the other view in workgroup memory
// Memory   each token is loaded 2 L / 32 times for d and as often for the sum; bound by arithmetic
// Source   derivative of view_relation_softmax
// Twin     src/kernels/relations/view_relation_softmax.ts

struct Params {
    views: u32,               // V
    pairs: u32,
    tokens: u32,              // L
    features: u32,            // E, of the student
    teacher_features: u32,    // F
    inverse_temperature: f32, // 1 / temperature
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> student: array<f32>;
@group(0) @binding(2) var<storage, read> teacher: array<f32>;
@group(0) @binding(3) var<storage, read> statistics: array<f32>;
@group(0) @binding(4) var<storage, read> d_loss: array<f32>;
@group(0) @binding(5) var<storage, read_write> d_student: array<f32>;

const SIDE: u32 = 8u; // invocations along each side of the workgroup
const TILE: u32 = 32u; // host: 4 SIDE
const PANEL: u32 = 16u;
const CHUNKS: u32 = 4u; // tune: 1 2 4

// 2 KiB: TILE tokens x PANEL features, rows padded by one against bank conflicts
var<workgroup> wg_a: array<f32, 544>;
var<workgroup> wg_b: array<f32, 544>; // 2 KiB: of the other view; then PANEL tokens x TILE features
var<workgroup> wg_d: array<f32, 1056>; // 4 KiB: a tile of d, rows padded by one

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

// <lib relation_chunk>
/// PANEL columns of d from `first` on times a chunk of TILE features of the student's tokens from
/// first_e on.
fn chunk_of(other: u32, first_j: u32, first: u32, first_e: u32, id: vec3u) -> array<vec4f, 4> {
    for (var at = id.y * SIDE + id.x; at < TILE * PANEL; at += SIDE * SIDE) {
        wg_b[at] = feature(false, other, first_j + first + at / TILE, first_e + at % TILE);
    }
    // d and the panel are complete before they are read
    workgroupBarrier();
    var sum: array<vec4f, 4>;
    for (var step = 0u; step < PANEL; step++) {
        let column = step * TILE + id.x;
        let b = vec4f(wg_b[column], wg_b[column + SIDE], wg_b[column + 2u * SIDE],
            wg_b[column + 3u * SIDE]);
        for (var r = 0u; r < 4u; r++) {
            sum[r] += wg_d[(r * SIDE + id.y) * (TILE + 1u) + first + step] * b;
        }
    }
    // and read before others replace them
    workgroupBarrier();
    return sum;
}
// </lib>

/// ln of the sums of a row of student and teacher; direction 0 is towards the next view.
fn ends_of(view: u32, direction: u32, i: u32) -> vec2f {
    let at = 2u * ((2u * view + direction) * params.tokens + i);
    return vec2f(statistics[at], statistics[at + 1u]);
}

/// The student's probabilities of an entry less the teacher's, in the rows of both its tokens.
fn apart(entry: vec2f, own: vec2f, theirs: vec2f) -> f32 {
    let row = exp(entry - own);
    let column = exp(entry - theirs);
    return row.x - row.y + (column.x - column.y);
}

@compute @workgroup_size(8, 8)
fn view_relation_softmax_grad(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) id: vec3u,
) {
    // workgroups are counted through: a grid takes 65,535 of them along an axis
    let index = group.x + group.y * groups.x;
    let tiles_e = (params.features + TILE * CHUNKS - 1u) / (TILE * CHUNKS);
    let tiles_i = (params.tokens + TILE - 1u) / TILE;
    let line = index / tiles_e;
    let view = line / tiles_i;
    if (view >= params.views) {
        return;
    }
    let first_i = (line - view * tiles_i) * TILE;
    let first_e = (index - line * tiles_e) * TILE * CHUNKS;
    var sum: array<vec4f, 4u * CHUNKS>;
    for (var role = 0u; role < 2u; role++) {
        let before = (view + params.views - 1u) % params.views;
        let other = select((view + 1u) % params.views, before, role == 1u);
        let pair = select(view, before, role == 1u);
        if (pair >= params.pairs) {
            continue;
        }
        for (var j = 0u; j < params.tokens; j += TILE) {
            let s = relation_tile(false, view, other, first_i, j, id);
            let t = relation_tile(true, view, other, first_i, j, id);
            for (var at = 0u; at < 16u; at++) {
                let row = at / 4u * SIDE + id.y;
                let column = at % 4u * SIDE + id.x;
                var d = 0.0;
                if (first_i + row < params.tokens && j + column < params.tokens) {
                    let entry = vec2f(s[at / 4u][at % 4u], t[at / 4u][at % 4u]);
                    d = apart(entry * params.inverse_temperature,
                        ends_of(view, role, first_i + row),
                        ends_of(other, 1u - role, j + column));
                }
                wg_d[row * (TILE + 1u) + column] = d;
            }
            for (var first = 0u; first < TILE; first += PANEL) {
                for (var chunk = 0u; chunk < CHUNKS; chunk++) {
                    let part = chunk_of(other, j, first, first_e + chunk * TILE, id);
                    for (var r = 0u; r < 4u; r++) {
                        sum[4u * chunk + r] += part[r];
                    }
                }
            }
        }
    }
    let rows = 2.0 * f32(max(params.pairs, 1u)) * f32(params.tokens);
    let weight = d_loss[0] * params.inverse_temperature / rows;
    for (var at = 0u; at < 16u * CHUNKS; at++) {
        let i = first_i + at / 4u % 4u * SIDE + id.y;
        let e = first_e + at / 16u * TILE + at % 4u * SIDE + id.x;
        if (i < params.tokens && e < params.features) {
            let place = (view * params.tokens + i) * params.features + e;
            d_student[place] = weight * sum[at / 4u][at % 4u];
        }
    }
}
