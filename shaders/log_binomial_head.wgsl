// log_binomial_head — probability and temperature from four positive numbers per pixel.
//
//   pi = a1' / (a1' + a2'),  t = t_min + (t_max - t_min) b1' / (b1' + b2')
//   (a1, a2, b1, b2) = pairs[r], x' = x + 1e-4
//
// Layout   pairs [V, H, W, 4]; pi, t [V, H, W, 1]; rows r are pixels
// Mapping  one invocation per pixel
// Memory   4 loads + 2 stores per pixel; bound by bandwidth
// Source   ZoeDepth, Bhat et al. 2023 (arXiv:2302.12288) section 3.2
// Twin     src/kernels/depth_bins/log_binomial.ts

struct Params {
    rows: u32,  // pixels
    t_min: f32, // lowest temperature
    t_span: f32, // t_max - t_min
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> pairs: array<f32>;
@group(0) @binding(2) var<storage, read_write> pi: array<f32>;
@group(0) @binding(3) var<storage, read_write> t: array<f32>;

override WG: u32 = 64u; // invocations per workgroup
const FLOOR: f32 = 1e-4; // host: of each number, by the definition

@compute @workgroup_size(WG)
fn log_binomial_head(
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
    pi[row] = a1 / (a1 + a2);
    t[row] = params.t_min + params.t_span * (b1 / (b1 + b2));
}
