// log_binomial_head_grad — gradient of the binomial's probability and temperature.
//
//   d_a1 = d_pi a2' / (a1' + a2')^2,  d_a2 = -d_pi a1' / (a1' + a2')^2
//   d_b1, d_b2 alike with d_t (t_max - t_min)
//
// Layout   pairs, d_pairs [V, H, W, 4] = (a1, a2, b1, b2), x' = x + 1e-4; d_pi, d_t [V, H, W, 1]
// Mapping  one invocation per pixel
// Memory   6 loads + 4 stores per pixel; bound by bandwidth
// Source   derivative of log_binomial_head
// Twin     src/kernels/depth_bins/log_binomial.ts

struct Params {
    rows: u32,   // pixels
    t_span: f32, // t_max - t_min
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> pairs: array<f32>;
@group(0) @binding(2) var<storage, read> d_pi: array<f32>;
@group(0) @binding(3) var<storage, read> d_t: array<f32>;
@group(0) @binding(4) var<storage, read_write> d_pairs: array<f32>;

override WG: u32 = 64u; // invocations per workgroup
const FLOOR: f32 = 1e-4; // host: of each number, by the definition

@compute @workgroup_size(WG)
fn log_binomial_head_grad(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let row = (group.x + group.y * groups.x) * WG + lane;
    if (row >= params.rows) {
        return;
    }
    let a1 = pairs[4u * row] + FLOOR;
    let a2 = pairs[4u * row + 1u] + FLOOR;
    let b1 = pairs[4u * row + 2u] + FLOOR;
    let b2 = pairs[4u * row + 3u] + FLOOR;
    let d_a = d_pi[row] / ((a1 + a2) * (a1 + a2));
    let d_b = d_t[row] * params.t_span / ((b1 + b2) * (b1 + b2));
    d_pairs[4u * row] = d_a * a2;
    d_pairs[4u * row + 1u] = -d_a * a1;
    d_pairs[4u * row + 2u] = d_b * b2;
    d_pairs[4u * row + 3u] = -d_b * b1;
}
