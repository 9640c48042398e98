// gemm_subgroup — gemm.wgsl with one subgroup per workgroup, no workgroup memory.
//
//   y[z, i, j] = sum_k A[z, i, k] B[z, k, j] + bias[j]
//   A[i, k] = a[i, k] or, transposed, a[k, i];  B[k, j] = b[k, j] or, transposed, b[j, k]
//
// Layout   a [batch.., M, K] or [batch.., K, M]; b [batch.., K, N] or [batch.., N, K]; bias [N]; y
//          [slices, batch.., M, N]
// Mapping  a workgroup owns 16 x 4 LANES of y, each invocation 16 rows of 4 columns, LANES apart;
//          per term it loads its 4 elements of B and 4, 2 or 1 of A's 16 (at 4, 8 or more lanes),
//          and takes the others from its neighbours by broadcasts
// Memory   8 loads for 64 fma at 4 lanes, 6 at 8, 5 from 16 on; for software adapters, where a load
//          costs 8 fma, a broadcast 1 and a barrier 50 ns
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

override LANES: u32 = 8u; // of a subgroup: 4 to 64; the workgroup is exactly one
const ROWS: u32 = 16u; // tune: 16

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

// <lib rows_subgroup>
/// The rows of a tile of 16 whose values a lane holds: one, two or four of them, as the subgroup is
/// 16 or more, 8 or 4 lanes wide. The others repeat.
fn rows_of(lane: u32) -> vec4u {
    return (lane + vec4u(0u, LANES, 2u * LANES, 3u * LANES)) % 16u;
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

// <lib outer_subgroup>
/// Adds rows x columns to a tile: row r lies in lane r mod LANES, in part r / LANES of its four;
/// the columns are the lane's own.
fn outer(tile: ptr<function, array<vec4f, 16>>, rows: vec4f, columns: vec4f) {
    add_rows(tile, 0u, lanes_0(rows.x), columns);
    if (LANES == 4u) {
        add_rows(tile, 4u, lanes_0(rows.y), columns);
        add_rows(tile, 8u, lanes_0(rows.z), columns);
        add_rows(tile, 12u, lanes_0(rows.w), columns);
    } else if (LANES == 8u) {
        add_rows(tile, 4u, lanes_4(rows.x), columns);
        add_rows(tile, 8u, lanes_0(rows.y), columns);
        add_rows(tile, 12u, lanes_4(rows.y), columns);
    } else {
        add_rows(tile, 4u, lanes_4(rows.x), columns);
        add_rows(tile, 8u, lanes_8(rows.x), columns);
        add_rows(tile, 12u, lanes_12(rows.x), columns);
    }
}

/// Adds four rows x columns to a tile, from row `first` on.
fn add_rows(tile: ptr<function, array<vec4f, 16>>, first: u32, rows: vec4f, columns: vec4f) {
    (*tile)[first] = fma(vec4f(rows.x), columns, (*tile)[first]);
    (*tile)[first + 1u] = fma(vec4f(rows.y), columns, (*tile)[first + 1u]);
    (*tile)[first + 2u] = fma(vec4f(rows.z), columns, (*tile)[first + 2u]);
    (*tile)[first + 3u] = fma(vec4f(rows.w), columns, (*tile)[first + 3u]);
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

@compute @workgroup_size(LANES)
fn gemm_subgroup(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let place = place_of(group.x + group.y * groups.x, ROWS, 4u * LANES);
    if (place.slice >= params.slices) {
        return; // the whole workgroup: the fold of the grid made one too many
    }
    // rows and columns beyond the last compute the last again and are not stored
    let rows = min(place.row + rows_of(lane), vec4u(params.m - 1u));
    let cols = place.col + lane + vec4u(0u, LANES, 2u * LANES, 3u * LANES);
    var at_a = place.a + place.begin * params.a_term + rows * params.a_row;
    var at_b = place.b + place.begin * params.b_term
        + min(cols, vec4u(params.n - 1u)) * params.b_col;
    var sum: array<vec4f, ROWS>; // indexed by constants only, so that it stays in registers
    for (var k = place.begin; k < place.end; k++) {
        var left = vec4f(a[at_a.x], 0.0, 0.0, 0.0);
        if (LANES < 16u) {
            left.y = a[at_a.y];
        }
        if (LANES < 8u) {
            left.z = a[at_a.z];
            left.w = a[at_a.w];
        }
        let right = vec4f(b[at_b.x], b[at_b.y], b[at_b.z], b[at_b.w]);
        at_a += params.a_term;
        at_b += params.b_term;
        outer(&sum, left, right);
    }
    for (var i = 0u; i < ROWS; i++) {
        store(place, place.row + i, cols, sum[i]);
    }
}
