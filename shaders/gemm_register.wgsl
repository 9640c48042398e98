// gemm_register — gemm.wgsl with 8 x 8 of y per invocation, no workgroup memory.
//
//   y[z, i, j] = sum_k A[z, i, k] B[z, k, j] + bias[j]
//   A[i, k] = a[i, k] or, transposed, a[k, i];  B[k, j] = b[k, j] or, transposed, b[j, k]
//
// Layout   a [batch.., M, K] or [batch.., K, M]; b [batch.., K, N] or [batch.., N, K]; bias [N]; y
//          [slices, batch.., M, N]
// Mapping  a workgroup of 8 owns 8 x 64 of y, each invocation 8 rows of 8 columns, 8 apart
// Memory   16 loads for 64 fma; for software adapters without subgroups of a known width, where
//          barriers are expensive
// Source   elementary
// Twin     src/kernels/gemm.ts

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

override WG: u32 = 8u;
const ROWS: u32 = 8u; // tune: 8
const COLS: u32 = 64u; // tune: 64

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

/// Four elements of a.
fn a_at(at: vec4u) -> vec4f {
    return vec4f(a[at.x], a[at.y], a[at.z], a[at.w]);
}

/// Four elements of b.
fn b_at(at: vec4u) -> vec4f {
    return vec4f(b[at.x], b[at.y], b[at.z], b[at.w]);
}

/// Stores four columns of one row; the first slice brings the bias.
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
fn gemm_register(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let place = place_of(group.x + group.y * groups.x, ROWS, COLS);
    if (place.slice >= params.slices) {
        return; // the fold of the grid made one workgroup too many
    }
    // rows and columns beyond the last compute the last again and are not stored
    let last_row = vec4u(params.m - 1u);
    let last_col = vec4u(params.n - 1u);
    let cols_low = place.col + lane + vec4u(0u, WG, 2u * WG, 3u * WG);
    let cols_high = cols_low + 4u * WG;
    let start_a = place.a + place.begin * params.a_term;
    let start_b = place.b + place.begin * params.b_term;
    var at_top = start_a + min(place.row + vec4u(0u, 1u, 2u, 3u), last_row) * params.a_row;
    var at_bottom = start_a + min(place.row + vec4u(4u, 5u, 6u, 7u), last_row) * params.a_row;
    var at_low = start_b + min(cols_low, last_col) * params.b_col;
    var at_high = start_b + min(cols_high, last_col) * params.b_col;
    // [row][low, high], indexed by constants only, so that it stays in registers
    var sum: array<vec4f, 16>;
    for (var k = place.begin; k < place.end; k++) {
        let top = a_at(at_top);
        let bottom = a_at(at_bottom);
        let right_low = b_at(at_low);
        let right_high = b_at(at_high);
        at_top += params.a_term;
        at_bottom += params.a_term;
        at_low += params.b_term;
        at_high += params.b_term;
        sum[0] = fma(vec4f(top.x), right_low, sum[0]);
        sum[1] = fma(vec4f(top.x), right_high, sum[1]);
        sum[2] = fma(vec4f(top.y), right_low, sum[2]);
        sum[3] = fma(vec4f(top.y), right_high, sum[3]);
        sum[4] = fma(vec4f(top.z), right_low, sum[4]);
        sum[5] = fma(vec4f(top.z), right_high, sum[5]);
        sum[6] = fma(vec4f(top.w), right_low, sum[6]);
        sum[7] = fma(vec4f(top.w), right_high, sum[7]);
        sum[8] = fma(vec4f(bottom.x), right_low, sum[8]);
        sum[9] = fma(vec4f(bottom.x), right_high, sum[9]);
        sum[10] = fma(vec4f(bottom.y), right_low, sum[10]);
        sum[11] = fma(vec4f(bottom.y), right_high, sum[11]);
        sum[12] = fma(vec4f(bottom.z), right_low, sum[12]);
        sum[13] = fma(vec4f(bottom.z), right_high, sum[13]);
        sum[14] = fma(vec4f(bottom.w), right_low, sum[14]);
        sum[15] = fma(vec4f(bottom.w), right_high, sum[15]);
    }
    for (var i = 0u; i < ROWS; i++) {
        store(place, place.row + i, cols_low, sum[2u * i]);
        store(place, place.row + i, cols_high, sum[2u * i + 1u]);
    }
}
