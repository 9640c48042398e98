// gemm_matrix — gemm.wgsl on the matrix units of subgroups, with operands rounded to f16.
//
//   y[z, i, j] = sum_k f16(A[z, i, k]) f16(B[z, k, j]) + bias[j], added up in f32
//   A[i, k] = a[i, k] or, transposed, a[k, i];  B[k, j] = b[k, j] or, transposed, b[j, k]
//
// Layout   a [batch.., M, K] or [batch.., K, M]; b [batch.., K, N] or [batch.., N, K]; bias [N]; y
//          [slices, batch.., M, N]
// Mapping  a workgroup of DOWN x ACROSS subgroups owns BM x BN of y, each subgroup TM x TN matrices
//          of it; A and B are rounded while they pass through workgroup memory, BK terms at a time,
//          with zeros beyond the edges; each matrix leaves through workgroup memory, so that only
//          elements of y are stored
// Memory   each element of a is loaded N / BN times, of b M / BM times; a number beyond 65504
//          becomes infinite
// Source   elementary; the sum may be cut into slices of `slab` terms (split-K), which the caller
//          adds up in order
// Twin     src/kernels/gemm.ts

enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;

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

override TRANSPOSE_A: bool = false;
override TRANSPOSE_B: bool = false;
override M: u32 = 0u; // 0: read at run time
override N: u32 = 0u;
override A_ROW: u32 = 0u;
override A_TERM: u32 = 0u;
override B_TERM: u32 = 0u;
override B_COL: u32 = 0u;
// <lib matrix_tile>
const LANES: u32 = 8u; // adapter: 4 8 16 32 64
const MATRIX_M: u32 = 8u; // adapter: 8 16
const MATRIX_N: u32 = 8u; // adapter: 8 16
const MATRIX_K: u32 = 8u; // adapter: 8 16
// subgroups of a workgroup, and matrices of each
const DOWN: u32 = 2u; // tune: 1 2 4
const ACROSS: u32 = 2u; // tune: 1 2 4
const TM: u32 = 2u; // tune: 1 2 4
const TN: u32 = 2u; // tune: 1 2 4
const BK: u32 = 16u; // tune: 16 32
const BM: u32 = DOWN * TM * MATRIX_M;
const BN: u32 = ACROSS * TN * MATRIX_N;
const WG: u32 = LANES * DOWN * ACROSS;
const MATRIX: u32 = MATRIX_M * MATRIX_N;
// 16 bytes of padding per row, so that the rows of a matrix do not sit in one bank
const PITCH_A: u32 = BK + 8u;
const PITCH_B: u32 = BN + 8u;
var<workgroup> wg_a: array<f16, BM * PITCH_A>; // [row][k], 3 KiB for matrices of 16
var<workgroup> wg_b: array<f16, BK * PITCH_B>; // [k][column], 2.3 KiB
var<workgroup> wg_y: array<f32, DOWN * ACROSS * MATRIX>; // one matrix per subgroup, 4 KiB

alias Left = subgroup_matrix_left<f16, MATRIX_K, MATRIX_M>;
alias Right = subgroup_matrix_right<f16, MATRIX_N, MATRIX_K>;
alias Sum = subgroup_matrix_result<f32, MATRIX_N, MATRIX_M>;

/// Adds the product of wg_a and wg_b to the TM x TN matrices of a subgroup.
fn multiply(sum: ptr<function, array<Sum, TM * TN>>, subgroup: u32) {
    let row = subgroup / ACROSS * TM * MATRIX_M;
    let col = subgroup % ACROSS * TN * MATRIX_N;
    for (var term = 0u; term < BK; term += MATRIX_K) {
        var right: array<Right, TN>;
        for (var j = 0u; j < TN; j++) {
            let at = term * PITCH_B + col + j * MATRIX_N;
            right[j] = subgroupMatrixLoad<Right, row_major>(&wg_b, at, PITCH_B);
        }
        for (var i = 0u; i < TM; i++) {
            let at = (row + i * MATRIX_M) * PITCH_A + term;
            let left = subgroupMatrixLoad<Left, row_major>(&wg_a, at, PITCH_A);
            for (var j = 0u; j < TN; j++) {
                let before = (*sum)[i * TN + j];
                (*sum)[i * TN + j] = subgroupMatrixMultiplyAccumulate(left, right[j], before);
            }
        }
    }
}

/// The row and column in the workgroup's tile of an element of wg_y, which holds matrix (i, j) of
/// every subgroup.
fn element_of(e: u32, i: u32, j: u32) -> vec2u {
    let owner = e / MATRIX;
    return vec2u((owner / ACROSS * TM + i) * MATRIX_M + e % MATRIX / MATRIX_N,
        (owner % ACROSS * TN + j) * MATRIX_N + e % MATRIX_N);
}
// </lib>

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

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

/// A[row, k] of the matrix at `place`, 0 outside
fn load_a(place: Place, row: u32, k: u32) -> f32 {
    if (row >= fixed_or(M, params.m) || k >= place.end) {
        return 0.0;
    }
    return a[place.a + row * fixed_or(A_ROW, params.a_row) + k * fixed_or(A_TERM, params.a_term)];
}

/// B[k, col] of the matrix at `place`, 0 outside
fn load_b(place: Place, k: u32, col: u32) -> f32 {
    if (col >= fixed_or(N, params.n) || k >= place.end) {
        return 0.0;
    }
    return b[place.b + k * fixed_or(B_TERM, params.b_term) + col * fixed_or(B_COL, params.b_col)];
}

/// Fills wg_a and wg_b with BK terms from `k` on, in f16; neighbours load neighbours, whichever axis
/// is contiguous.
fn stage(place: Place, k: u32, lane: u32) {
    for (var e = lane; e < BK * BM; e += WG) {
        let row = select(e / BK, e % BM, TRANSPOSE_A);
        let term = select(e % BK, e / BM, TRANSPOSE_A);
        wg_a[row * PITCH_A + term] = f16(load_a(place, place.row + row, k + term));
    }
    for (var e = lane; e < BK * BN; e += WG) {
        let col = select(e % BN, e / BK, TRANSPOSE_B);
        let term = select(e / BN, e % BK, TRANSPOSE_B);
        wg_b[term * PITCH_B + col] = f16(load_b(place, k + term, place.col + col));
    }
}

/// Stores matrix (i, j) of every subgroup, which wg_y holds; the first slice brings the bias.
fn store(place: Place, i: u32, j: u32, lane: u32) {
    let n = fixed_or(N, params.n);
    for (var e = lane; e < DOWN * ACROSS * MATRIX; e += WG) {
        let element = element_of(e, i, j);
        let row = place.row + element.x;
        let col = place.col + element.y;
        if (row < fixed_or(M, params.m) && col < n) {
            var start = 0.0;
            if (params.has_bias == 1u && place.slice == 0u) {
                start = bias[col];
            }
            y[place.y + row * n + col] = start + wg_y[e];
        }
    }
}

@compute @workgroup_size(WG)
fn gemm_matrix(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_id) subgroup: u32,
) {
    let place = place_of(group.x + group.y * groups.x, BM, BN);
    if (place.slice >= params.slices) {
        return; // the whole workgroup: the fold of the grid made one too many
    }
    var sum: array<Sum, TM * TN>;
    for (var k = place.begin; k < place.end; k += BK) {
        stage(place, k, lane);
        // wg_a and wg_b are full
        workgroupBarrier();
        multiply(&sum, subgroup);
        // all have read wg_a and wg_b, the next turn may overwrite them
        workgroupBarrier();
    }
    for (var i = 0u; i < TM; i++) {
        for (var j = 0u; j < TN; j++) {
            let matrix = sum[i * TN + j];
            subgroupMatrixStore<row_major>(&wg_y, subgroup * MATRIX, matrix, MATRIX_N);
            // wg_y holds a matrix of every subgroup
            workgroupBarrier();
            store(place, i, j, lane);
            // all have read wg_y
            workgroupBarrier();
        }
    }
}
