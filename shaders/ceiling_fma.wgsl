// ceiling_fma — fused multiply-adds without memory, to measure how fast an adapter computes.
//
//   v_0 = c x[t], v_(j+1) = v_j / 2 + x[t] 16 LOOPS times, in independent chains c = 1 … 12
//   y[t] = mean of the chains
//
// Layout   x, y [T] f32, one element per invocation
// Mapping  one invocation per element: its chains hide each other's latency and, with both
//          summands, fit in sixteen registers; steps are unrolled because one iteration of a loop
//          costs as much as a step
// Memory   1 load + 1 store per element; bound by arithmetic
// Source   Williams et al., Roofline (2009): the flat part is measured, not looked up
// Twin     src/kernels/ceiling.ts

struct Params {
    n: u32,      // elements
    factor: f32, // 1/2, unknown to the compiler
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

override WG: u32 = 256u; // invocations per workgroup
override LOOPS: u32 = 16u; // turns of STEPS steps of each chain
const CHAINS: u32 = 12u; // host
const STEPS: u32 = 16u; // host

@compute @workgroup_size(WG)
fn ceiling_fma(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let t = (group.x + group.y * groups.x) * WG + lane;
    if (t >= params.n) {
        return;
    }
    let summand = x[t];
    let factor = params.factor;
    // Starts that differ keep the compiler from seeing the same chain many times.
    var v: array<f32, CHAINS>;
    for (var c = 0u; c < CHAINS; c++) {
        v[c] = f32(c + 1u) * summand;
    }
    for (var j = 0u; j < LOOPS; j++) {
        for (var s = 0u; s < STEPS; s++) {
            for (var c = 0u; c < CHAINS; c++) {
                v[c] = fma(v[c], factor, summand);
            }
        }
    }
    var sum = 0.0;
    for (var c = 0u; c < CHAINS; c++) {
        sum += v[c];
    }
    y[t] = sum / f32(CHAINS);
}
