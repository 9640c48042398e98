// ceiling_copy — copies vectors of four, to measure how fast an adapter copies.
//
//   y[i] = x[i]
//
// Layout   x, y: any shape, 4 n elements f32
// Mapping  one invocation per STEP vectors: a workgroup's width apart, so that neighbours load
//          neighbours, or, with RUNS, consecutive, which suits CPU caches
// Memory   1 load + 1 store of 16 bytes per vector; bound by bandwidth
// Source   McCalpin, Memory Bandwidth and Machine Balance in Current High Performance Computers
//          (1995)
// Twin     src/kernels/ceiling.ts

struct Params {
    n: u32, // vectors of four
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

override WG: u32 = 256u; // invocations per workgroup
override RUNS: bool = false; // each invocation takes neighbours, not each lane
const STEP: u32 = 8u; // tune: 1 2 4 8 16

@compute @workgroup_size(WG)
fn ceiling_copy(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let first = (group.x + group.y * groups.x) * WG * STEP;
    let start = select(first + lane, first + lane * STEP, RUNS);
    let stride = select(WG, 1u, RUNS);
    for (var s = 0u; s < STEP; s++) {
        let i = start + s * stride;
        if (i < params.n) {
            y[i] = x[i];
        }
    }
}
