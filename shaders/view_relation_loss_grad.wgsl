// view_relation_loss_grad — gradient of the mean squared difference of two relations.
//
//   d_student[i] = d_loss 2 (student[i] - teacher[i]) / n
//
// Layout   student, teacher, d_student [pairs, L, L], n elements; d_loss [1]
// Mapping  one invocation per STEP elements, a workgroup's width apart, so that neighbours load
//          neighbours
// Memory   2 loads + 1 store per element; bound by bandwidth
// Source   elementary
// Twin     src/kernels/relations/view_relation.ts

struct Params {
    n: u32, // elements
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> student: array<f32>;
@group(0) @binding(2) var<storage, read> teacher: array<f32>;
@group(0) @binding(3) var<storage, read> d_loss: array<f32>;
@group(0) @binding(4) var<storage, read_write> d_student: array<f32>;

override WG: u32 = 256u; // invocations per workgroup
const STEP: u32 = 4u; // tune: 1 2 4 8

@compute @workgroup_size(WG)
fn view_relation_loss_grad(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let start = (group.x + group.y * groups.x) * WG * STEP + lane;
    let weight = 2.0 * d_loss[0] / f32(params.n);
    for (var s = 0u; s < STEP; s++) {
        let i = start + s * WG;
        if (i < params.n) {
            d_student[i] = weight * (student[i] - teacher[i]);
        }
    }
}
