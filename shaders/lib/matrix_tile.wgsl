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
