// view_relation_fused_register — view_relation_fused.wgsl with one invocation per tile.
//
//   d[p, i, j] = sum_e student[p, i, e] student[p + 1, j, e]
//              - sum_f teacher[p, i, f] teacher[p + 1, j, f]
//   partials[p, s, t] = (sum of d[p, i, j]^2, count), i in tile s, j in tile t
//   p < pairs, which is V; 1 for V = 2; 0 for V = 1, where one partial of zeros is written
//
// Layout   as in view_relation_fused.wgsl
// Mapping  one invocation per tile of TILE x TILE entries, 8 x 8 of it at a time in registers
// Memory   16 loads for 64 fma; for software adapters, where barriers are expensive
// Source   as in view_relation_fused.wgsl
// Twin     src/kernels/relations/view_relation_fused.ts

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
@group(0) @binding(3) var<storage, read_write> partials: array<f32>;

override WG: u32 = 8u; // invocations per workgroup
const TILE: u32 = 32u; // host

// <lib relation_difference_register>
/// Four features of the student's tokens.
fn student_at(at: vec4u) -> vec4f {
    return vec4f(student[at.x], student[at.y], student[at.z], student[at.w]);
}

/// Four features of the teacher's tokens.
fn teacher_at(at: vec4u) -> vec4f {
    return vec4f(teacher[at.x], teacher[at.y], teacher[at.z], teacher[at.w]);
}

/// Eight tokens: rows of student and teacher, beyond the last token the last again.
fn rows_of(view: u32, first: u32) -> array<vec4u, 2> {
    let last = vec4u(params.tokens - 1u);
    let low = first + vec4u(0u, 1u, 2u, 3u);
    return array(view * params.tokens + min(low, last), view * params.tokens + min(low + 4u, last));
}

/// Adds the products of eight features with eight others.
fn add_products(
    sum: ptr<function, array<vec4f, 16>>,
    top: vec4f,
    bottom: vec4f,
    low: vec4f,
    high: vec4f,
) {
    (*sum)[0] = fma(vec4f(top.x), low, (*sum)[0]);
    (*sum)[1] = fma(vec4f(top.x), high, (*sum)[1]);
    (*sum)[2] = fma(vec4f(top.y), low, (*sum)[2]);
    (*sum)[3] = fma(vec4f(top.y), high, (*sum)[3]);
    (*sum)[4] = fma(vec4f(top.z), low, (*sum)[4]);
    (*sum)[5] = fma(vec4f(top.z), high, (*sum)[5]);
    (*sum)[6] = fma(vec4f(top.w), low, (*sum)[6]);
    (*sum)[7] = fma(vec4f(top.w), high, (*sum)[7]);
    (*sum)[8] = fma(vec4f(bottom.x), low, (*sum)[8]);
    (*sum)[9] = fma(vec4f(bottom.x), high, (*sum)[9]);
    (*sum)[10] = fma(vec4f(bottom.y), low, (*sum)[10]);
    (*sum)[11] = fma(vec4f(bottom.y), high, (*sum)[11]);
    (*sum)[12] = fma(vec4f(bottom.z), low, (*sum)[12]);
    (*sum)[13] = fma(vec4f(bottom.z), high, (*sum)[13]);
    (*sum)[14] = fma(vec4f(bottom.w), low, (*sum)[14]);
    (*sum)[15] = fma(vec4f(bottom.w), high, (*sum)[15]);
}

/// 8 x 8 of the student's relation of two views less the teacher's, [row][low, high]; 0 beyond the
/// ends.
fn difference(view: u32, other: u32, first_i: u32, first_j: u32) -> array<vec4f, 16> {
    let a = rows_of(view, first_i);
    let b = rows_of(other, first_j);
    // indexed by constants only, so that it stays in registers
    var sum: array<vec4f, 16>;
    let width = params.features;
    for (var e = 0u; e < width; e++) {
        add_products(&sum, student_at(a[0] * width + e), student_at(a[1] * width + e),
            student_at(b[0] * width + e), student_at(b[1] * width + e));
    }
    let taught = params.teacher_features;
    for (var e = 0u; e < taught; e++) {
        add_products(&sum, -teacher_at(a[0] * taught + e), -teacher_at(a[1] * taught + e),
            teacher_at(b[0] * taught + e), teacher_at(b[1] * taught + e));
    }
    let columns = first_j + vec4u(0u, 1u, 2u, 3u);
    for (var i = 0u; i < 8u; i++) {
        let end = select(0u, params.tokens, first_i + i < params.tokens); // of this row
        sum[2u * i] = select(vec4f(), sum[2u * i], columns < vec4u(end));
        sum[2u * i + 1u] = select(vec4f(), sum[2u * i + 1u], columns + 4u < vec4u(end));
    }
    return sum;
}
// </lib>

@compute @workgroup_size(WG)
fn view_relation_fused_register(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let tile = (group.x + group.y * groups.x) * WG + lane;
    if (tile >= max(params.pairs, 1u) * params.tiles * params.tiles) {
        return;
    }
    let pair = tile / (params.tiles * params.tiles);
    var sum = 0.0;
    var count = 0u;
    if (pair < params.pairs) {
        let next = (pair + 1u) % params.views;
        let first_i = tile / params.tiles % params.tiles * TILE;
        let first_j = tile % params.tiles * TILE;
        let last_i = min(first_i + TILE, params.tokens);
        let last_j = min(first_j + TILE, params.tokens);
        for (var i = first_i; i < last_i; i += 8u) {
            for (var j = first_j; j < last_j; j += 8u) {
                let d = difference(pair, next, i, j);
                for (var at = 0u; at < 16u; at++) {
                    sum += dot(d[at], d[at]);
                }
            }
        }
        count = (last_i - first_i) * (last_j - first_j);
    }
    partials[2u * tile] = sum;
    partials[2u * tile + 1u] = f32(count);
}
