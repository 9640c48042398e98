// view_relation_fused_grad_register — view_relation_fused_grad with one invocation per 8 tokens.
//
//   d[v, w, i, j] = sum_e student[v, i, e] student[w, j, e]
//                 - sum_f teacher[v, i, f] teacher[w, j, f]
//   d_student[v, i, e] = 2 d_loss / (pairs L^2) sum_w sum_j d[v, w, i, j] student[w, j, e]
//   w runs over the views that v has a pair with, the next one, then the one before
//
// Layout   as in view_relation_fused_grad.wgsl
// Mapping  one invocation per 8 tokens of a view; 8 x 8 of d at a time in registers, recomputed for
//          each role; d_student itself holds the running sum
// Memory   16 loads for 64 fma of d, 16 loads and 8 stores for 64 fma of the sum; for software
//          adapters, where barriers are expensive
// Source   derivative of view_relation_fused
// Twin     src/kernels/relations/view_relation_fused.ts

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
@group(0) @binding(3) var<storage, read> d_loss: array<f32>;
@group(0) @binding(4) var<storage, read_write> d_student: array<f32>;

override WG: u32 = 8u; // invocations per workgroup
const ROWS: u32 = 8u; // host: tokens of an invocation

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

/// Adds eight tokens of another view, weighted by a tile of d, to the gradients of eight tokens.
fn add_tile(
    tile: array<vec4f, 16>,
    weight: f32,
    view: u32,
    first_i: u32,
    other: u32,
    first_j: u32,
) {
    var d = tile;
    for (var at = 0u; at < 16u; at++) {
        d[at] *= weight;
    }
    let rows = rows_of(other, first_j);
    let count = min(ROWS, params.tokens - first_i);
    for (var e = 0u; e < params.features; e++) {
        let low = student_at(rows[0] * params.features + e);
        let high = student_at(rows[1] * params.features + e);
        let at = (view * params.tokens + first_i) * params.features + e;
        for (var r = 0u; r < ROWS; r++) {
            if (r < count) {
                let part = dot(d[2u * r], low) + dot(d[2u * r + 1u], high);
                d_student[at + r * params.features] += part;
            }
        }
    }
}

@compute @workgroup_size(WG)
fn view_relation_fused_grad_register(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let block = (group.x + group.y * groups.x) * WG + lane;
    let blocks = (params.tokens + ROWS - 1u) / ROWS;
    if (block >= params.views * blocks) {
        return;
    }
    let view = block / blocks;
    let first_i = block % blocks * ROWS;
    let start = (view * params.tokens + first_i) * params.features;
    let end = start + min(ROWS, params.tokens - first_i) * params.features;
    for (var at = start; at < end; at++) {
        d_student[at] = 0.0;
    }
    let entries = f32(max(params.pairs, 1u)) * f32(params.tokens) * f32(params.tokens);
    let weight = 2.0 * d_loss[0] / entries;
    for (var role = 0u; role < 2u; role++) {
        let before = (view + params.views - 1u) % params.views;
        let other = select((view + 1u) % params.views, before, role == 1u);
        let pair = select(view, before, role == 1u);
        if (pair >= params.pairs) {
            continue;
        }
        for (var j = 0u; j < params.tokens; j += 8u) {
            add_tile(difference(view, other, first_i, j), weight, view, first_i, other, j);
        }
    }
}
