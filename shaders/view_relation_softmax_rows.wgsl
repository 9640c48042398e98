// view_relation_softmax_rows — view_relation_softmax with one invocation per tile of rows.
//
//   s[v, w, i, j] = sum_e student[v, i, e] student[w, j, e] / temperature, t likewise of teacher
//   kl[v, w, i] = sum_j q_j (ln q_j - ln p_j),  p = softmax_j(s),  q = softmax_j(t)
//   partials[b] = (sum of kl, count) over the rows i of a tile
//   statistics[v, d, i] = (ln sum_j e^s, ln sum_j e^t)
//   d = 0: w is the next view, d = 1: the one before; all 0 where v and w are no pair
//
// Layout   as in view_relation_softmax.wgsl
// Mapping  one invocation per tile of TILE rows, one row after the other
// Memory   E + F loads on either side for each entry; for software adapters, where barriers are
//          expensive
// Source   as in view_relation_softmax.wgsl
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

override WG: u32 = 8u; // invocations per workgroup
const TILE: u32 = 32u; // host

// <lib relation_entry>
/// Product of token i of a view with token j of another, of the student and of the teacher.
fn entry_of(view: u32, i: u32, other: u32, j: u32) -> vec2f {
    let a = view * params.tokens + i;
    let b = other * params.tokens + j;
    var sum = vec2f(0.0);
    for (var e = 0u; e < params.features; e++) {
        sum.x += student[a * params.features + e] * student[b * params.features + e];
    }
    for (var e = 0u; e < params.teacher_features; e++) {
        let places = vec2u(a, b) * params.teacher_features + e;
        sum.y += teacher[places.x] * teacher[places.y];
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

@compute @workgroup_size(WG)
fn view_relation_softmax_rows(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let index = (group.x + group.y * groups.x) * WG + lane;
    let line = index / params.tiles;
    let view = line / 2u;
    let direction = line % 2u;
    if (view >= params.views) {
        return;
    }
    let before = (view + params.views - 1u) % params.views;
    let other = select((view + 1u) % params.views, before, direction == 1u);
    let pair = select(view, before, direction == 1u);
    let columns = select(0u, params.tokens, pair < params.pairs);
    let first_i = (index - line * params.tiles) * TILE;
    let last_i = min(first_i + TILE, params.tokens);
    var sum = 0.0;
    for (var i = first_i; i < last_i; i++) {
        var of_teacher = vec3f(LOWEST, 0.0, 0.0);
        var of_student = vec2f(LOWEST, 0.0);
        for (var j = 0u; j < columns; j++) {
            let entry = entry_of(view, i, other, j) * params.inverse_temperature;
            of_student = with_logit(of_student, entry.x);
            of_teacher = with_entry(of_teacher, entry.y, entry.y - entry.x);
        }
        var ends = vec2f(0.0);
        if (columns > 0u) {
            ends = vec2f(of_student.x + log(of_student.y), of_teacher.x + log(of_teacher.y));
            sum += of_teacher.z / of_teacher.y + (ends.x - ends.y);
        }
        let at = 2u * (line * params.tokens + i);
        statistics[at] = ends.x;
        statistics[at + 1u] = ends.y;
    }
    partials[2u * index] = sum;
    partials[2u * index + 1u] = f32(select(0u, last_i - first_i, columns > 0u));
}
