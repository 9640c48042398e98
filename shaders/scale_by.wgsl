// scale_by — multiplies a tensor by a number that the host sets in each step.
//
//   y[i] = scalars[slot] x[i]
//
// Layout   x, y: any shape, n elements f32; scalars: the 64 step scalars
// Mapping  one invocation per STEP elements, a workgroup's width apart, so that neighbours load
//          neighbours
// Memory   1 load + 1 store per element; bound by bandwidth
// Source   elementary
// Twin     src/kernels/scale_by.ts

struct Params {
    n: u32,    // elements
    slot: u32, // of the factor among the step scalars
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> scalars: array<vec4f, 16>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

override WG: u32 = 256u; // invocations per workgroup
const STEP: u32 = 8u; // tune: 1 2 4 8

@compute @workgroup_size(WG)
fn scale_by(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let factor = scalars[params.slot / 4u][params.slot % 4u];
    let start = (group.x + group.y * groups.x) * WG * STEP + lane;
    for (var s = 0u; s < STEP; s++) {
        let i = start + s * WG;
        if (i < params.n) {
            y[i] = factor * x[i];
        }
    }
}
