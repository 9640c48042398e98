// view_relation_weighted_grad_rows — view_relation_weighted_grad with one invocation per token.
//
//   d[v, w, i, j] = weights[v, w, i, j] (sum_e student[v, i, e] student[w, j, e]
//                                        - sum_f teacher[v, i, f] teacher[w, j, f])
//   d_student[v, i, e] = 2 d_loss / max(total, 1) sum_w sum_j d[v, w, i, j] student[w, j, e]
//   w runs over the views that v has a pair with, the next one, then the one before, for which
//   weights[v, w, i, j] is that of token j of w and token i of v
//
// Layout   as in view_relation_weighted_grad.wgsl
// Mapping  one invocation per token of a view, one entry after the other; d_student itself holds
//          the running sum
// Memory   2 E + F loads on the other side and E stores for each entry; for software adapters,
//          where barriers are expensive
// Source   derivative of view_relation_weighted
// Twin     src/kernels/relations/view_relation_weighted.ts

struct Params {
    views: u32,            // V
    pairs: u32,
    tokens: u32,           // L
    features: u32,         // E, of the student
    teacher_features: u32, // F
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> student: array<f32>;
@group(0) @binding(2) var<storage, read> teacher: array<f32>;
@group(0) @binding(3) var<storage, read> weights: array<f32>;
@group(0) @binding(4) var<storage, read> total: array<f32>;
@group(0) @binding(5) var<storage, read> d_loss: array<f32>;
@group(0) @binding(6) var<storage, read_write> d_student: array<f32>;

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

// <lib is_nan>
/// Whether x is NaN, by its bits: WGSL may assume that comparisons never see one.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
// </lib>

// <lib max_or_nan>
/// The larger of a and b; NaN where either is, which WGSL's `max` may lose.
fn max_or_nan(a: f32, b: f32) -> f32 {
    return select(select(max(a, b), b, is_nan(b)), a, is_nan(a));
}
// </lib>

@compute @workgroup_size(WG)
fn view_relation_weighted_grad_rows(
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
    let weight = 2.0 * d_loss[0] / max_or_nan(total[0], 1.0);
    for (var role = 0u; role < 2u; role++) {
        let before = (view + params.views - 1u) % params.views;
        let other = select((view + 1u) % params.views, before, role == 1u);
        let pair = select(view, before, role == 1u);
        let columns = select(0u, params.tokens, pair < params.pairs);
        for (var j = 0u; j < columns; j++) {
            let at = select(i * params.tokens + j, j * params.tokens + i, role == 1u);
            let share = weights[pair * params.tokens * params.tokens + at];
            let entry = entry_of(view, i, other, j);
            let d = weight * share * (entry.x - entry.y);
            let first = (other * params.tokens + j) * params.features;
            for (var e = 0u; e < params.features; e++) {
                d_student[start + e] += d * student[first + e];
            }
        }
    }
}
