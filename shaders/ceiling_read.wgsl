// ceiling_read — sums the numbers that each invocation reads, to measure how fast an adapter reads.
//
//   y[t] = sum over its STEP vectors i and their four elements c of x[i][c]
//
// Layout   x: any shape, 4 n elements f32; y [T], one element per invocation, T = n / STEP
// Mapping  one invocation per STEP vectors: a workgroup's width apart, so that neighbours load
//          neighbours, or, with RUNS, consecutive, which suits CPU caches
// Memory   STEP loads of 16 bytes + 1 store of 4 per invocation; bound by bandwidth
// Source   McCalpin, Memory Bandwidth and Machine Balance in Current High Performance Computers
//          (1995)
// Twin     src/kernels/ceiling.ts

struct Params {
    n: u32, // vectors of four
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

override WG: u32 = 256u; // invocations per workgroup
override STEP: u32 = 8u; // vectors per invocation
override RUNS: bool = false; // each invocation takes neighbours, not each lane

@compute @workgroup_size(WG)
fn ceiling_read(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let first = (group.x + group.y * groups.x) * WG * STEP;
    if (first >= params.n) {
        return;
    }
    let start = select(first + lane, first + lane * STEP, RUNS);
    let stride = select(WG, 1u, RUNS);
    var sum = vec4f(0.0);
    for (var s = 0u; s < STEP; s++) {
        let i = start + s * stride;
        if (i < params.n) {
            sum += x[i];
        }
    }
    y[first / STEP + lane] = dot(sum, vec4f(1.0));
}
