// ceiling_fma — fused multiply-adds without memory, to measure how fast an adapter computes.
//
//   v_c = (c + 1) x[t], then v_c = v_c + v_(c + 1) / 256 for c = 0 … 12 in this order, 16 LOOPS times;
//   v_13 is v_0
//   y[t] = mean of v
//
// Layout   x, y [T] f32, one element per invocation
// Mapping  one invocation per element: its chains hide each other's latency and, with the factor
//          and a product, fit in sixteen registers; each step of a chain needs its neighbour's, so
//          that no compiler can compute one chain after the other; steps are unrolled because one
//          iteration of a loop costs as much as a step
// Memory   1 load + 1 store per element; bound by arithmetic
// Source   Williams et al., Roofline (2009): the flat part is measured, not looked up
// Twin     src/kernels/ceiling.ts

struct Params {
    n: u32,      // elements
    factor: f32, // 1/256, unknown to the compiler
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

override WG: u32 = 256u; // invocations per workgroup
override LOOPS: u32 = 16u; // turns of STEPS steps of each chain
const CHAINS: u32 = 13u; // host
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
    let start = x[t];
    let factor = params.factor;
    // Starts that differ keep the compiler from seeing the same chain many times.
    var v: array<f32, CHAINS>;
    for (var c = 0u; c < CHAINS; c++) {
        v[c] = f32(c + 1u) * start;
    }
    for (var j = 0u; j < LOOPS; j++) {
        for (var s = 0u; s < STEPS; s++) {
            for (var c = 0u; c < CHAINS; c++) {
                v[c] = fma(v[(c + 1u) % CHAINS], factor, v[c]);
            }
        }
    }
    var sum = 0.0;
    for (var c = 0u; c < CHAINS; c++) {
        sum += v[c];
    }
    y[t] = sum / f32(CHAINS);
}
