// ceiling_fma — fused multiply-adds without memory, to learn how fast an adapter computes.
//
//   v_0 = x[t], v_(j+1) = v_j / 2 + x[t] LOOPS times, in four independent vectors of four
//   y[t] = mean of the sixteen
//
// Layout   x, y [T] f32, one element per invocation
// Mapping  one invocation per element: four vectors in registers hide the latency of each other
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
override LOOPS: u32 = 256u; // steps of each vector, 32 flops an invocation each

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
    let summand = vec4f(x[t]);
    let factor = vec4f(params.factor);
    // Starts that differ keep the compiler from seeing four times the same.
    var v0 = summand;
    var v1 = summand * 2.0;
    var v2 = summand * 3.0;
    var v3 = summand * 4.0;
    for (var j = 0u; j < LOOPS; j++) {
        v0 = fma(v0, factor, summand);
        v1 = fma(v1, factor, summand);
        v2 = fma(v2, factor, summand);
        v3 = fma(v3, factor, summand);
    }
    y[t] = dot(v0 + v1 + v2 + v3, vec4f(0.0625));
}
