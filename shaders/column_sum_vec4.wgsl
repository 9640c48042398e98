// column_sum_vec4 — column_sum.wgsl with loads and stores of four columns.
//
//   y[z, s, j] = sum_i x[z, s S + i, j],  i over the S = slab rows of slice s
//
// Layout   x [batches, rows, cols], y [batches, slabs, cols] f32, columns contiguous, a multiple of 4
// Mapping  one invocation per four elements of y, neighbours on neighbouring columns; rows added in
//          order
// Memory   1 load of 16 bytes per four elements of x, 1 store per four of y; bound by bandwidth
// Source   elementary; as column_sum.wgsl, with the same bits
// Twin     src/kernels/column_sum.ts

struct Params {
    batches: u32,
    rows: u32,
    cols: u32,
    slab: u32,  // rows summed by one invocation
    slabs: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

override WG: u32 = 64u; // invocations per workgroup

@compute @workgroup_size(WG)
fn column_sum_vec4(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let i = (group.x + group.y * groups.x) * WG + lane;
    let quads = params.cols / 4u;
    if (i >= params.batches * params.slabs * quads) {
        return;
    }
    // remainders as differences: a processor divides whole numbers lane by lane
    let line = i / quads;
    let batch = line / params.slabs;
    let begin = (line - batch * params.slabs) * params.slab;
    let end = min(begin + params.slab, params.rows);
    var sum = vec4f();
    var at = (batch * params.rows + begin) * quads + i - line * quads;
    for (var row = begin; row < end; row++) {
        sum += x[at];
        at += quads;
    }
    y[i] = sum;
}
