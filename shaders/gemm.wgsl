// gemm — matrix product, batched, either side transposed, with bias.
//
//   y[z, i, j] = sum_k A[z, i, k] B[z, k, j] + bias[j]
//   A[i, k] = a[i, k] or, transposed, a[k, i];  B[k, j] = b[k, j] or, transposed, b[j, k]
//   with RELU max(y, 0)
//
// Layout   a [batch.., M, K] or [batch.., K, M]; b [batch.., K, N] or [batch.., N, K]; bias [N]; y
//          [slices, batch.., M, N]
// Mapping  a workgroup of 16 x 16 owns (16 TM) x (16 TN) of y, each invocation TM x TN of it, 16
//          apart, so that neighbours store neighbours; A and B pass through workgroup memory, BK
//          terms at a time
// Memory   each element of a is loaded N / (16 TN) times, of b M / (16 TM) times; bound by
//          arithmetic from K = 64 on
// Source   elementary; the sum may be cut into slices of `slab` terms (split-K), which the caller
//          adds up in order
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

override TRANSPOSE_A: bool = false;
override TRANSPOSE_B: bool = false;
override M: u32 = 0u; // 0: read at run time
override N: u32 = 0u;
override A_ROW: u32 = 0u;
override A_TERM: u32 = 0u;
override B_TERM: u32 = 0u;
override B_COL: u32 = 0u;
// the workgroup is SIDE x SIDE
const SIDE: u32 = 16u; // tune: 8 16
const TM: u32 = 4u; // tune: 2 4 8
const TN: u32 = 4u; // tune: 2 4
const BK: u32 = 16u; // tune: 8 16
const BM: u32 = SIDE * TM;
const BN: u32 = SIDE * TN;
// one word of padding per row, so that a column does not sit in one bank
var<workgroup> wg_a: array<f32, BK * (BM + 1u)>; // [k][row], 4.1 KiB
var<workgroup> wg_b: array<f32, BK * (BN + 1u)>; // [k][column], 4.1 KiB

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

// <lib conv2d_rectified>
override RELU: bool = false; // y is max(y, 0)

/// v or, with RELU, max(v, 0); by its bits, so that NaN stays
fn rectified(v: f32) -> f32 {
    let bits = bitcast<u32>(v);
    return select(v, 0.0, RELU && bits >= 0x80000000u && bits <= 0xff800000u);
}
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

/// Fills wg_a and wg_b with BK terms from `k` on; neighbours load neighbours, whichever axis is
/// contiguous.
fn stage(place: Place, k: u32, lane: u32) {
    for (var e = lane; e < BK * BM; e += SIDE * SIDE) {
        let row = select(e / BK, e % BM, TRANSPOSE_A);
        let term = select(e % BK, e / BM, TRANSPOSE_A);
        wg_a[term * (BM + 1u) + row] = load_a(place, place.row + row, k + term);
    }
    for (var e = lane; e < BK * BN; e += SIDE * SIDE) {
        let col = select(e % BN, e / BK, TRANSPOSE_B);
        let term = select(e / BN, e % BK, TRANSPOSE_B);
        wg_b[term * (BN + 1u) + col] = load_b(place, k + term, place.col + col);
    }
}

@compute @workgroup_size(SIDE, SIDE)
fn gemm(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) at: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let place = place_of(group.x + group.y * groups.x, BM, BN);
    if (place.slice >= params.slices) {
        return; // the whole workgroup: the fold of the grid made one too many
    }
    var sum: array<f32, TM * TN>;
    for (var k = place.begin; k < place.end; k += BK) {
        stage(place, k, lane);
        // wg_a and wg_b are full
        workgroupBarrier();
        for (var term = 0u; term < BK; term++) {
            for (var i = 0u; i < TM; i++) {
                let left = wg_a[term * (BM + 1u) + at.y + i * SIDE];
                for (var j = 0u; j < TN; j++) {
                    let right = wg_b[term * (BN + 1u) + at.x + j * SIDE];
                    sum[i * TN + j] = fma(left, right, sum[i * TN + j]);
                }
            }
        }
        // all have read wg_a and wg_b, the next turn may overwrite them
        workgroupBarrier();
    }
    let n = fixed_or(N, params.n);
    for (var i = 0u; i < TM; i++) {
        let row = place.row + at.y + i * SIDE;
        for (var j = 0u; j < TN; j++) {
            let col = place.col + at.x + j * SIDE;
            if (row < fixed_or(M, params.m) && col < n) {
                // the first slice brings the bias
                var start = 0.0;
                if (params.has_bias == 1u && place.slice == 0u) {
                    start = bias[col];
                }
                y[place.y + row * n + col] = rectified(start + sum[i * TN + j]);
            }
        }
    }
}
