// view_relation_softmax_grad_rows — view_relation_softmax_grad with one invocation per token.
//
//   d[v, w, i, j] = p[v, w, i, j] - q[v, w, i, j] + p[w, v, j, i] - q[w, v, j, i]
//   p[v, w, i, j] = e^(s[v, w, i, j] - statistics[v, w, i, 0]), q of t and statistics[.., 1]
//   d_student[v, i, e] = d_loss / (2 pairs L temperature) sum_w sum_j d[v, w, i, j] student[w, j, e]
//   w runs over the views that v has a pair with, the next one, then the one before
//
// Layout   as in view_relation_softmax_grad.wgsl
// Mapping  one invocation per token of a view, one entry after the other; d_student itself holds
//          the running sum
// Memory   2 E + F loads on the other side and E stores for each entry; for software adapters,
//          where barriers are expensive
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

override WG: u32 = 8u; // invocations per workgroup

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

@compute @workgroup_size(WG)
fn view_relation_softmax_grad_rows(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let token = (group.x + group.y * groups.x) * WG + lane;
    if (token >= params.views * params.tokens) {
        return;
    }
    let view = token / params.tokens;
    let i = token % params.tokens;
    let start = token * params.features;
    for (var e = 0u; e < params.features; e++) {
        d_student[start + e] = 0.0;
    }
    let rows = 2.0 * f32(max(params.pairs, 1u)) * f32(params.tokens);
    let weight = d_loss[0] * params.inverse_temperature / rows;
    for (var role = 0u; role < 2u; role++) {
        let before = (view + params.views - 1u) % params.views;
        let other = select((view + 1u) % params.views, before, role == 1u);
        let pair = select(view, before, role == 1u);
        let columns = select(0u, params.tokens, pair < params.pairs);
        for (var j = 0u; j < columns; j++) {
            let entry = entry_of(view, i, other, j) * params.inverse_temperature;
            let own = ends_of(view, role, i);
            let d = weight * apart(entry, own, ends_of(other, 1u - role, j));
            let first = (other * params.tokens + j) * params.features;
            for (var e = 0u; e < params.features; e++) {
                d_student[start + e] += d * student[first + e];
            }
        }
    }
}
