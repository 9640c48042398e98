// gemm_vec4 — gemm.wgsl with one subgroup per workgroup and loads and stores of four numbers.
//
//   y[z, i, j] = sum_k A[z, i, k] B[z, k, j] + bias[j]
//   A[i, k] = a[i, k] or, transposed, a[k, i];  B[k, j] = b[k, j] or, transposed, b[j, k]
//
// Layout   a [batch.., M, K] or [batch.., K, M]; b [batch.., K, N] or [batch.., N, K]; bias [N]; y
//          [slices, batch.., M, N]; N, the terms of a slice and the last axis of a and of b are
//          multiples of four, K too
// Mapping  a workgroup owns 4 LANES columns of y and as many rows, at most 32; each invocation owns
//          4 columns of all rows. For 4 terms it loads 4 x 4 elements of B and 4 x 4 of A, and
//          takes the other rows of A from its neighbours by broadcasts
// Memory   8 loads of 16 bytes for 512 fma from 8 lanes on, where gemm_subgroup.wgsl has 48 of 4
//          bytes; for software adapters, where a load of 16 bytes costs as much as 3 or 4 of 4
//          bytes
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
@group(0) @binding(1) var<storage, read> a: array<vec4f>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

override TRANSPOSE_A: bool = false;
override TRANSPOSE_B: bool = false;
override LANES: u32 = 8u; // of a subgroup: 4 to 64; the workgroup is exactly one
const ROWS: u32 = 32u; // host: of a tile, the most; 16 at 4 lanes

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

// <lib lanes_subgroup>
/// The values of lanes 0 to 3. A lane that is a constant costs software adapters one instruction;
/// any other costs them a loop over all lanes.
fn lanes_0(value: f32) -> vec4f {
    return vec4f(
        subgroupBroadcast(value, 0u),
        subgroupBroadcast(value, 1u),
        subgroupBroadcast(value, 2u),
        subgroupBroadcast(value, 3u),
    );
}

/// The values of lanes 4 to 7.
fn lanes_4(value: f32) -> vec4f {
    return vec4f(
        subgroupBroadcast(value, 4u),
        subgroupBroadcast(value, 5u),
        subgroupBroadcast(value, 6u),
        subgroupBroadcast(value, 7u),
    );
}

/// The values of lanes 8 to 11.
fn lanes_8(value: f32) -> vec4f {
    return vec4f(
        subgroupBroadcast(value, 8u),
        subgroupBroadcast(value, 9u),
        subgroupBroadcast(value, 10u),
        subgroupBroadcast(value, 11u),
    );
}

/// The values of lanes 12 to 15.
fn lanes_12(value: f32) -> vec4f {
    return vec4f(
        subgroupBroadcast(value, 12u),
        subgroupBroadcast(value, 13u),
        subgroupBroadcast(value, 14u),
        subgroupBroadcast(value, 15u),
    );
}
// </lib>

// <lib product_vec4>
/// Adds four terms of one row x four columns to a tile.
fn add_row(tile: ptr<function, array<vec4f, 32>>, row: u32, terms: vec4f, columns: mat4x4f) {
    var sums = (*tile)[row];
    sums = fma(vec4f(terms.x), columns[0], sums);
    sums = fma(vec4f(terms.y), columns[1], sums);
    sums = fma(vec4f(terms.z), columns[2], sums);
    (*tile)[row] = fma(vec4f(terms.w), columns[3], sums);
}

/// Adds four terms of every fourth row x four columns: `terms` are those of row 4 lane + `first`.
fn add_rows(tile: ptr<function, array<vec4f, 32>>, first: u32, terms: vec4f, columns: mat4x4f) {
    let low = transpose(mat4x4f(lanes_0(terms.x), lanes_0(terms.y), lanes_0(terms.z), lanes_0(terms.w)));
    add_row(tile, first, low[0], columns);
    add_row(tile, first + 4u, low[1], columns);
    add_row(tile, first + 8u, low[2], columns);
    add_row(tile, first + 12u, low[3], columns);
    if (LANES > 4u) {
        let high = transpose(mat4x4f(lanes_4(terms.x), lanes_4(terms.y), lanes_4(terms.z), lanes_4(terms.w)));
        add_row(tile, first + 16u, high[0], columns);
        add_row(tile, first + 20u, high[1], columns);
        add_row(tile, first + 24u, high[2], columns);
        add_row(tile, first + 28u, high[3], columns);
    }
}

/// Adds four terms of the tile's rows x columns. A lane holds four rows, each with four terms, and
/// four terms, each with four columns.
fn add_product(tile: ptr<function, array<vec4f, 32>>, rows: mat4x4f, columns: mat4x4f) {
    add_rows(tile, 0u, rows[0], columns);
    add_rows(tile, 1u, rows[1], columns);
    add_rows(tile, 2u, rows[2], columns);
    add_rows(tile, 3u, rows[3], columns);
}
// </lib>

@compute @workgroup_size(LANES)
fn gemm_vec4(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let place = place_of(group.x + group.y * groups.x, min(ROWS, 4u * LANES), 4u * LANES);
    if (place.slice >= params.slices) {
        return; // the whole workgroup: the fold of the grid made one too many
    }
    // rows and columns beyond the last compute the last again and are not stored; lanes from 8 on
    // hold the rows of the first 8
    let row = place.row + 4u * (lane % 8u);
    let col = place.col + 4u * lane;
    var at_a: vec4u; // in vectors, of four rows or of four terms
    if (TRANSPOSE_A) {
        let first = place.a + place.begin * params.m + min(row, params.m - 4u);
        at_a = (first + vec4u(0u, 1u, 2u, 3u) * params.m) / 4u;
    } else {
        let rows = min(row + vec4u(0u, 1u, 2u, 3u), vec4u(params.m - 1u));
        at_a = (place.a + rows * params.k + place.begin) / 4u;
    }
    let step_a = select(1u, params.m, TRANSPOSE_A); // from four terms to the next four
    let first_b = min(col, params.n - 4u);
    var at_b = (place.b + place.begin * params.n + first_b) / 4u;
    var apart_b = params.n / 4u;
    var step_b = params.n;
    if (TRANSPOSE_B) {
        at_b = (place.b + first_b * params.k + place.begin) / 4u;
        apart_b = params.k / 4u;
        step_b = 1u;
    }
    var tile: array<vec4f, 32>;
    for (var k = place.begin; k < place.end; k += 4u) {
        var columns = mat4x4f(b[at_b], b[at_b + apart_b], b[at_b + 2u * apart_b], b[at_b + 3u * apart_b]);
        if (TRANSPOSE_B) {
            columns = transpose(columns); // of four terms each
        }
        var rows = mat4x4f(a[at_a.x], a[at_a.y], a[at_a.z], a[at_a.w]);
        if (TRANSPOSE_A) {
            rows = transpose(rows); // of four rows each
        }
        at_a += step_a;
        at_b += step_b;
        add_product(&tile, rows, columns);
    }
    if (col >= params.n) {
        return;
    }
    var start = vec4f();
    if (params.has_bias == 1u && place.slice == 0u) {
        start = vec4f(bias[col], bias[col + 1u], bias[col + 2u], bias[col + 3u]);
    }
    var sums = tile; // a copy, so that the tile itself is indexed by constants only
    // from and to rows that the compiler does not know, so that it does not unroll them
    for (var i = place.row; i < min(place.row + min(ROWS, 4u * LANES), params.m); i++) {
        y[(place.y + i * params.n + col) / 4u] = start + sums[i - place.row];
    }
}
