// view_relation_weighted_rows — view_relation_weighted with one invocation per tile.
//
//   d[p, i, j] = sum_e student[p, i, e] student[p + 1, j, e]
//              - sum_f teacher[p, i, f] teacher[p + 1, j, f]
//   partials[p, s, t] = (sum of weights[p, i, j] d[p, i, j]^2, sum of weights[p, i, j]), i in tile
//                       s, j in tile t
//   p < pairs, which is V; 1 for V = 2; 0 for V = 1, where one partial of zeros is written
//
// Layout   as in view_relation_weighted.wgsl
// Mapping  one invocation per tile, one entry after the other
// Memory   E + F loads on either side for each entry; for software adapters, where barriers are
//          expensive
// Source   as in view_relation_weighted.wgsl
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

@compute @workgroup_size(WG)
fn view_relation_weighted_rows(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let index = (group.x + group.y * groups.x) * WG + lane;
    let line = index / params.tiles;
    let pair = line / params.tiles;
    if (pair >= max(params.pairs, 1u)) {
        return;
    }
    var sum = vec2f(0.0);
    if (pair < params.pairs) {
        let first_i = (line - pair * params.tiles) * TILE;
        let first_j = (index - line * params.tiles) * TILE;
        for (var i = first_i; i < min(first_i + TILE, params.tokens); i++) {
            for (var j = first_j; j < min(first_j + TILE, params.tokens); j++) {
                let entry = entry_of(pair, i, (pair + 1u) % params.views, j);
                let apart = entry.x - entry.y;
                let weight = weights[(pair * params.tokens + i) * params.tokens + j];
                sum += weight * vec2f(apart * apart, 1.0);
            }
        }
    }
    partials[2u * index] = sum.x;
    partials[2u * index + 1u] = sum.y;
}
