// attention_grad_stats — the two numbers per query that the gradient kernels of attention need.
//
//   stats[b, h, l] = (lse[b, h, l], sum_e d_y[b, l, h, e] y[b, l, h, e])
//
// Layout   y, d_y [B, L, heads V]; lse [B, heads, L]; stats [B, heads, L, 2]
// Mapping  one invocation per query and head
// Memory   2 V loads for 2 stores; bound by bandwidth
// Source   Dao et al., FlashAttention (2022), algorithm 4: the softmax's share of the gradient is
//          one number per row
// Twin     src/kernels/attention/attention.ts

struct Params {
    n: u32,           // B heads L
    queries: u32,
    heads: u32,
    value_width: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read> lse: array<f32>;
@group(0) @binding(3) var<storage, read> d_y: array<f32>;
@group(0) @binding(4) var<storage, read_write> stats: array<f32>;

override WG: u32 = 64u; // invocations per workgroup

@compute @workgroup_size(WG)
fn attention_grad_stats(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (group.x + group.y * groups.x) * WG + lane;
    if (i >= params.n) {
        return;
    }
    let query = i % params.queries;
    let head = (i / params.queries) % params.heads;
    let batch = i / (params.queries * params.heads);
    let start = ((batch * params.queries + query) * params.heads + head) * params.value_width;
    var sum = 0.0;
    for (var e = start; e < start + params.value_width; e++) {
        sum += y[e] * d_y[e];
    }
    stats[2u * i] = lse[i];
    stats[2u * i + 1u] = sum;
}
