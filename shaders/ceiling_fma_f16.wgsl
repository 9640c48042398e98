// ceiling_fma_f16 — multiply-adds in half precision, to measure how fast an adapter computes in it.
//
//   v_0 = c x[t], v_(j+1) = v_j / 2 + x[t] 16 LOOPS times, in independent chains c = 1 … 24
//   y[t] = mean of the chains, all of it but x and y in f16
//
// Layout   x, y [T] f32, one element per invocation
// Mapping  one invocation per element: as ceiling_fma, but in pairs, which adapters with f16
//          process together, and without a neighbour in a step, whose roundings would add up
// Memory   1 load + 1 store per element; bound by arithmetic
// Source   Williams et al., Roofline (2009): the flat part is measured, not looked up
// Twin     src/kernels/ceiling.ts

enable f16;

struct Params {
    n: u32,      // elements
    factor: f32, // 1/2, unknown to the compiler
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

override WG: u32 = 256u; // invocations per workgroup
override LOOPS: u32 = 16u; // turns of STEPS steps of each chain
const PAIRS: u32 = 12u; // host: of chains
const STEPS: u32 = 16u; // host

@compute @workgroup_size(WG)
fn ceiling_fma_f16(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let t = (group.x + group.y * groups.x) * WG + lane;
    if (t >= params.n) {
        return;
    }
    let summand = vec2h(f16(x[t]));
    let factor = vec2h(f16(params.factor));
    // Starts that differ keep the compiler from seeing the same chain many times.
    var v: array<vec2h, PAIRS>;
    for (var c = 0u; c < PAIRS; c++) {
        v[c] = vec2h(f16(2u * c + 1u), f16(2u * c + 2u)) * summand;
    }
    for (var j = 0u; j < LOOPS; j++) {
        for (var s = 0u; s < STEPS; s++) {
            for (var c = 0u; c < PAIRS; c++) {
                v[c] = fma(v[c], factor, summand);
            }
        }
    }
    var sum = vec2f(0.0);
    for (var c = 0u; c < PAIRS; c++) {
        sum += vec2f(v[c]);
    }
    y[t] = (sum.x + sum.y) / f32(2u * PAIRS);
}
