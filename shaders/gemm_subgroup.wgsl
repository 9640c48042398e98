// gemm_subgroup — gemm.wgsl with one subgroup of 8 per workgroup, no workgroup memory.
//
//   y[z, i, j] = sum_k A[z, i, k] B[z, k, j] + bias[j]
//   A[i, k] = a[i, k] or, transposed, a[k, i];  B[k, j] = b[k, j] or, transposed, b[j, k]
//
// Layout   a [batch.., M, K] or [batch.., K, M]; b [batch.., K, N] or [batch.., N, K]; bias [N]; y
//          [slices, batch.., M, N]
// Mapping  a workgroup owns 16 x 32 of y, each invocation 16 rows of 4 columns, 8 apart; per term
//          it loads its 4 elements of B and 2 of A's 16, and takes the others from its neighbours
//          by subgroupBroadcast
// Memory   6 loads for 64 fma; for software adapters, where a load costs 8 fma, a broadcast 1 and a
//          barrier 50 ns
// Source   elementary
// Twin     src/kernels/gemm.ts

enable subgroups;

struct Params {
    m: u32,       // rows of y
    n: u32,       // columns of y
    k: u32,       // terms of the sum
    slab: u32,    // terms of one slice of the sum
    slices: u32,
    batches: u32, // matrices of y
    inner: u32,   // batches are (outer, inner); a and b step as their broadcasting says:
    a_outer: u32, // matrices of a from one outer batch to the next, 0 where a repeats
    a_inner: u32,
    b_outer: u32,
    b_inner: u32,
    a_row: u32,   // elements of a from row to row of A, 1 when transposed
    a_term: u32,  // and from term to term
    b_term: u32,
    b_col: u32,
    has_bias: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

override WG: u32 = 8u; // exactly one subgroup
const ROWS: u32 = 16u; // tune: 16
const COLS: u32 = 32u; // tune: 32

// <lib gemm_place>
/// The work of a workgroup: a tile of y, a slice of the sum, and the matrices' first elements.
struct Place {
    row: u32,
    col: u32,
    begin: u32, // first term of the slice
    end: u32,   // one past its last
    slice: u32,
    a: u32,
    b: u32,
    y: u32,
}

/// The place of workgroup `index`: columns of tiles run fastest, then rows, batches, slices.
fn place_of(index: u32, tile_rows: u32, tile_cols: u32) -> Place {
    let across = (params.n + tile_cols - 1u) / tile_cols;
    let down = (params.m + tile_rows - 1u) / tile_rows;
    let matrix = index / (across * down); // slice * batches + batch
    let slice = matrix / params.batches;
    let batch = matrix % params.batches;
    let a = (batch / params.inner) * params.a_outer + (batch % params.inner) * params.a_inner;
    let b = (batch / params.inner) * params.b_outer + (batch % params.inner) * params.b_inner;
    return Place(
        (index / across) % down * tile_rows,
        index % across * tile_cols,
        slice * params.slab,
        min((slice + 1u) * params.slab, params.k),
        slice,
        a * params.m * params.k,
        b * params.k * params.n,
        matrix * params.m * params.n,
    );
}
// </lib>

/// Stores one row of an invocation's tile; the first slice brings the bias.
fn store(place: Place, row: u32, cols: vec4u, sums: vec4f) {
    if (row >= params.m) {
        return;
    }
    for (var j = 0u; j < 4u; j++) {
        if (cols[j] < params.n) {
            var start = 0.0;
            if (params.has_bias == 1u && place.slice == 0u) {
                start = bias[cols[j]];
            }
            y[place.y + row * params.n + cols[j]] = start + sums[j];
        }
    }
}

@compute @workgroup_size(WG)
fn gemm_subgroup(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let place = place_of(group.x + group.y * groups.x, ROWS, COLS);
    if (place.slice >= params.slices) {
        return; // the whole workgroup: the fold of the grid made one too many
    }
    // rows and columns beyond the last compute the last again and are not stored
    let rows = min(place.row + lane + vec2u(0u, WG), vec2u(params.m - 1u));
    let cols = place.col + lane + vec4u(0u, WG, 2u * WG, 3u * WG);
    var at_a = place.a + place.begin * params.a_term + rows * params.a_row;
    var at_b = place.b + place.begin * params.b_term
        + min(cols, vec4u(params.n - 1u)) * params.b_col;
    var sum: array<vec4f, ROWS>; // indexed by constants only, so that it stays in registers
    for (var k = place.begin; k < place.end; k++) {
        let low = a[at_a.x];
        let high = a[at_a.y];
        let right = vec4f(b[at_b.x], b[at_b.y], b[at_b.z], b[at_b.w]);
        at_a += params.a_term;
        at_b += params.b_term;
        sum[0] = fma(vec4f(subgroupBroadcast(low, 0u)), right, sum[0]);
        sum[1] = fma(vec4f(subgroupBroadcast(low, 1u)), right, sum[1]);
        sum[2] = fma(vec4f(subgroupBroadcast(low, 2u)), right, sum[2]);
        sum[3] = fma(vec4f(subgroupBroadcast(low, 3u)), right, sum[3]);
        sum[4] = fma(vec4f(subgroupBroadcast(low, 4u)), right, sum[4]);
        sum[5] = fma(vec4f(subgroupBroadcast(low, 5u)), right, sum[5]);
        sum[6] = fma(vec4f(subgroupBroadcast(low, 6u)), right, sum[6]);
        sum[7] = fma(vec4f(subgroupBroadcast(low, 7u)), right, sum[7]);
        sum[8] = fma(vec4f(subgroupBroadcast(high, 0u)), right, sum[8]);
        sum[9] = fma(vec4f(subgroupBroadcast(high, 1u)), right, sum[9]);
        sum[10] = fma(vec4f(subgroupBroadcast(high, 2u)), right, sum[10]);
        sum[11] = fma(vec4f(subgroupBroadcast(high, 3u)), right, sum[11]);
        sum[12] = fma(vec4f(subgroupBroadcast(high, 4u)), right, sum[12]);
        sum[13] = fma(vec4f(subgroupBroadcast(high, 5u)), right, sum[13]);
        sum[14] = fma(vec4f(subgroupBroadcast(high, 6u)), right, sum[14]);
        sum[15] = fma(vec4f(subgroupBroadcast(high, 7u)), right, sum[15]);
    }
    for (var i = 0u; i < ROWS; i++) {
        store(place, place.row + i, cols, sum[i]);
    }
}
