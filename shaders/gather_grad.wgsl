// gather_grad — gradient of gather with respect to x.
//
//   d_x[o, k, i] = sum of d_y[o, j, i] over the j with indices[...] = k, in their order
//
// Layout   d_y [O, M, I]; d_x [O, N, I]; indices: whole numbers as f32, [M] or [O, M, I]
// Mapping  one invocation per element of d_x, which reads all M places: no two add to one element,
//          so that the order of the sum is fixed
// Memory   2 M loads + 1 store per element; bound by loads from cache
// Source   elementary
// Twin     src/kernels/gather.ts

struct Params {
    n: u32,      // elements of d_x
    places: u32, // M
    length: u32, // N
    inner: u32,  // I
    step_o: u32, // elements of indices per step of o
    step_j: u32, // and of j
    step_i: u32, // and of i
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> indices: array<f32>;
@group(0) @binding(2) var<storage, read> d_y: array<f32>;
@group(0) @binding(3) var<storage, read_write> d_x: array<f32>;

override WG: u32 = 256u; // invocations per workgroup

@compute @workgroup_size(WG)
fn gather_grad(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = (group.x + group.y * groups.x) * WG + lane;
    if (at >= params.n) {
        return;
    }
    let i = at % params.inner;
    let row = at / params.inner;
    let k = f32(row % params.length);
    let o = row / params.length;
    let first = o * params.step_o + i * params.step_i;
    var sum = 0.0;
    for (var j = 0u; j < params.places; j++) {
        if (indices[first + j * params.step_j] == k) {
            sum += d_y[(o * params.places + j) * params.inner + i];
        }
    }
    d_x[at] = sum;
}
