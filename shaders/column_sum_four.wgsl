// column_sum_four — the column sums of four matrices at once: sums of slices that are gradients.
//
//   sum_a[j] = sum_i a[i, j], and sum_b, sum_c, sum_d likewise
//
// Layout   a [rows of a, columns of a] f32, sum_a [columns of a], b, c and d likewise; columns
//          contiguous, multiples of 4
// Mapping  one invocation per four columns of one matrix, all of a first, then of b, c and d; rows
//          added in order, with the bits of column_sum.wgsl
// Memory   1 load of 16 bytes per four elements, 1 store per four sums; one launch instead of four,
//          which takes longer than most of these sums
// Source   elementary
// Twin     src/kernels/column_sum.ts

struct Params {
    rows_a: u32,
    rows_b: u32,
    rows_c: u32,
    rows_d: u32,
    cols_a: u32,
    cols_b: u32,
    cols_c: u32,
    cols_d: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4f>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read> c: array<vec4f>;
@group(0) @binding(4) var<storage, read> d: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> sum_a: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> sum_b: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> sum_c: array<vec4f>;
@group(0) @binding(8) var<storage, read_write> sum_d: array<vec4f>;

override WG: u32 = 64u; // invocations per workgroup

@compute @workgroup_size(WG)
fn column_sum_four(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let unit = (group.x + group.y * groups.x) * WG + lane;
    let quads = vec4u(params.cols_a, params.cols_b, params.cols_c, params.cols_d) / 4u;
    let starts = vec4u(0u, quads.x, quads.x + quads.y, quads.x + quads.y + quads.z);
    let matrix = select(0u, 1u, unit >= starts.y) + select(0u, 1u, unit >= starts.z)
        + select(0u, 1u, unit >= starts.w);
    let column = unit - starts[matrix];
    let width = quads[matrix];
    if (column >= width) {
        return;
    }
    let rows = vec4u(params.rows_a, params.rows_b, params.rows_c, params.rows_d)[matrix];
    let end = column + rows * width;
    var sum = vec4f();
    // loops that end at once for the other matrices: a processor's lanes would all run through
    // conditions
    for (var at = column; at < end && matrix == 0u; at += width) {
        sum += a[at];
    }
    for (var at = column; at < end && matrix == 1u; at += width) {
        sum += b[at];
    }
    for (var at = column; at < end && matrix == 2u; at += width) {
        sum += c[at];
    }
    for (var at = column; at < end && matrix == 3u; at += width) {
        sum += d[at];
    }
    switch matrix {
        case 0u: { sum_a[column] = sum; }
        case 1u: { sum_b[column] = sum; }
        case 2u: { sum_c[column] = sum; }
        default: { sum_d[column] = sum; }
    }
}
