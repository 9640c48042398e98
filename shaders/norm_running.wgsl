// norm_running — moves the running statistics of a batch norm towards those of the batch.
//
//   running_mean += momentum (mean - running_mean),
//   running_variance += momentum (variance n / (n - 1) - running_variance)
//
// Layout   mean, variance, running_mean, running_variance: [C] f32; variance biased,
//          running_variance unbiased
// Mapping  one invocation per channel
// Memory   4 loads + 2 stores per channel; tiny
// Source   Ioffe and Szegedy 2015, algorithm 2; unbiased as in torch.nn.BatchNorm2d
// Twin     src/kernels/norm.ts

struct Params {
    channels: u32, // C
    unbias: f32,   // n / (n - 1)
    momentum: f32, // share of the new batch
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> mean: array<f32>;
@group(0) @binding(2) var<storage, read> variance: array<f32>;
@group(0) @binding(3) var<storage, read_write> running_mean: array<f32>; // inout
@group(0) @binding(4) var<storage, read_write> running_variance: array<f32>; // inout

override WG: u32 = 64u; // invocations per workgroup

@compute @workgroup_size(WG)
fn norm_running(@builtin(global_invocation_id) gid: vec3u) {
    let c = gid.x;
    if (c >= params.channels) {
        return;
    }
    let keep = 1.0 - params.momentum;
    running_mean[c] = keep * running_mean[c] + params.momentum * mean[c];
    let unbiased = params.unbias * variance[c];
    running_variance[c] = keep * running_variance[c] + params.momentum * unbiased;
}
