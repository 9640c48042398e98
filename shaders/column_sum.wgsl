// column_sum — sums of slices of rows, column by column.
//
//   y[z, s, j] = sum_i x[z, s S + i, j],  i over the S = slab rows of slice s
//
// Layout   x [batches, rows, cols], y [batches, slabs, cols] f32, columns contiguous
// Mapping  one invocation per element of y, neighbours on neighbouring columns; rows added in order
// Memory   1 load per element of x, 1 store per element of y; bound by bandwidth
// Source   elementary; two passes (slices, then their sums) keep the order fixed and the rounding
//          error small
// Twin     src/kernels/column_sum.ts

struct Params {
    batches: u32,
    rows: u32,
    cols: u32,
    slab: u32,  // rows summed by one invocation
    slabs: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

override WG: u32 = 64u; // invocations per workgroup

@compute @workgroup_size(WG)
fn column_sum(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let i = (group.x + group.y * groups.x) * WG + lane;
    if (i >= params.batches * params.slabs * params.cols) {
        return;
    }
    let col = i % params.cols;
    let slab = (i / params.cols) % params.slabs;
    let batch = i / (params.cols * params.slabs);
    let begin = slab * params.slab;
    let end = min(begin + params.slab, params.rows);
    var sum = 0.0;
    for (var row = begin; row < end; row++) {
        sum += x[(batch * params.rows + row) * params.cols + col];
    }
    y[i] = sum;
}
