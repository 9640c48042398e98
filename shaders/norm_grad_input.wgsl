// norm_grad_input — gradient of a normalisation with respect to its input.
//
//   d_x = r (gamma d_y - (group_sum + xhat group_dot) / n),  r = 1 / sqrt(variance + epsilon),
//   n = elements of a set
//   with FIXED statistics (evaluation) they do not depend on x: d_x = r gamma d_y
//
// Layout   x, d_y, d_x: [B, P, C] f32, channels contiguous; mean, variance, group_sum, group_dot:
//          [B, G]; gamma: [C]
// Mapping  one invocation per STEP elements, a workgroup's width apart
// Memory   2 loads + 1 store per element and 5 cached loads; bound by bandwidth
// Source   Ioffe and Szegedy 2015, section 3
// Twin     src/kernels/norm.ts

struct Params {
    n: u32,           // elements
    batch_size: u32,  // P C
    channels: u32,    // C
    groups: u32,      // G
    group_depth: u32, // C / G
    epsilon: f32,
    share: f32,       // 1 / (P C / G)
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> d_y: array<f32>;
@group(0) @binding(3) var<storage, read> mean: array<f32>;
@group(0) @binding(4) var<storage, read> variance: array<f32>;
@group(0) @binding(5) var<storage, read> gamma: array<f32>;
@group(0) @binding(6) var<storage, read> group_sum: array<f32>;
@group(0) @binding(7) var<storage, read> group_dot: array<f32>;
@group(0) @binding(8) var<storage, read_write> d_x: array<f32>;

override FIXED: bool = false; // statistics do not depend on x
override BATCH_SIZE: u32 = 0u; // 0: read at run time
override CHANNELS: u32 = 0u; // 0: read at run time
override GROUPS: u32 = 0u; // 0: read at run time
override GROUP_DEPTH: u32 = 0u; // 0: read at run time
override WG: u32 = 256u; // invocations per workgroup
const STEP: u32 = 4u; // tune: 1 2 4 8

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

@compute @workgroup_size(WG)
fn norm_grad_input(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let channels = fixed_or(CHANNELS, params.channels);
    let start = (group.x + group.y * groups.x) * WG * STEP + lane;
    for (var step = 0u; step < STEP; step++) {
        let i = start + step * WG;
        if (i < params.n) {
            let c = i % channels;
            let b = i / fixed_or(BATCH_SIZE, params.batch_size);
            let g = c / fixed_or(GROUP_DEPTH, params.group_depth);
            let at = b * fixed_or(GROUPS, params.groups) + g;
            let r = inverseSqrt(variance[at] + params.epsilon);
            var d = gamma[c] * d_y[i];
            if (!FIXED) {
                let xhat = (x[i] - mean[at]) * r;
                d -= (group_sum[at] + xhat * group_dot[at]) * params.share;
            }
            d_x[i] = r * d;
        }
    }
}
