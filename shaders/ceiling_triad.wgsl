// ceiling_triad — adds a multiple of one tensor to another, to measure how fast an adapter streams.
//
//   y[i] = a[i] + factor b[i]
//
// Layout   a, b, y: any shape, 4 n elements f32
// Mapping  one invocation per STEP vectors: a workgroup's width apart, so that neighbours load
//          neighbours, or, with RUNS, consecutive, which suits CPU caches
// Memory   2 loads + 1 store of 16 bytes per vector; bound by bandwidth
// Source   McCalpin, Memory Bandwidth and Machine Balance in Current High Performance Computers
//          (1995)
// Twin     src/kernels/ceiling.ts

struct Params {
    n: u32,      // vectors of four
    factor: f32, // of b
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4f>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

override WG: u32 = 256u; // invocations per workgroup
override RUNS: bool = false; // each invocation takes neighbours, not each lane
const STEP: u32 = 8u; // tune: 1 2 4 8 16

@compute @workgroup_size(WG)
fn ceiling_triad(
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
            y[i] = a[i] + params.factor * b[i];
        }
    }
}
