// gemm_outer — gemm.wgsl where a is transposed: outer products of rows, in subgroups
//
//   y[z, i, j] = sum_k a[z, k, i] b[z, k, j] + bias[j]
//
// Layout   a [batch.., K, M]; b [batch.., K, N]; bias [N]; y [slices, batch.., M, N]; M and N are
//          multiples of four, K is any number
// Mapping  a workgroup is one subgroup of 4, 8 or 16 lanes and owns 32 rows and 4 VECTORS LANES
//          columns of y, an invocation all rows of VECTORS vectors of columns, LANES apart; for each
//          of UNROLL terms it loads those of b and one vector of a, two at 4 lanes, and takes the other
//          rows from its neighbours by broadcasts
// Memory   3 loads of 16 bytes for 256 fma per term at 8 or 16 lanes and VECTORS = 2, where
//          gemm_vec4.wgsl has 4; for software adapters, where such a load costs 150 fma, and a sum that
//          a loop carries 1.5 per iteration. Two terms at a time halve the latter, but some processors
//          run long loops at half the speed
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

override LANES: u32 = 8u; // of a subgroup, 4, 8 or 16; the workgroup is exactly one
const ROWS: u32 = 32u; // host: of a tile
/// Vectors of columns per invocation.
const VECTORS: u32 = 2u; // tune: 1 2
/// Terms per iteration.
const UNROLL: u32 = 1u; // tune: 1 2

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

// <lib outer_vec4>
/// Adds a term, or with UNROLL = 2 two, of one row x VECTORS vectors of columns to a tile.
fn add_row(tile: ptr<function, array<vec4f, ROWS * VECTORS>>, row: u32, left_even: f32, left_odd: f32, even: array<vec4f, 2>, odd: array<vec4f, 2>) {
    let t = VECTORS * row;
    (*tile)[t] = fma(vec4f(left_even), even[0], (*tile)[t]);
    if (UNROLL == 2u) {
        (*tile)[t] = fma(vec4f(left_odd), odd[0], (*tile)[t]);
    }
    if (VECTORS == 2u) {
        (*tile)[t + 1u] = fma(vec4f(left_even), even[1], (*tile)[t + 1u]);
        if (UNROLL == 2u) {
            (*tile)[t + 1u] = fma(vec4f(left_odd), odd[1], (*tile)[t + 1u]);
        }
    }
}

/// Adds a term, or two, of four rows x VECTORS vectors of columns, from `row` of the tile on.
fn add_rows(tile: ptr<function, array<vec4f, ROWS * VECTORS>>, row: u32, left_even: vec4f, left_odd: vec4f, even: array<vec4f, 2>, odd: array<vec4f, 2>) {
    add_row(tile, row, left_even.x, left_odd.x, even, odd);
    add_row(tile, row + 1u, left_even.y, left_odd.y, even, odd);
    add_row(tile, row + 2u, left_even.z, left_odd.z, even, odd);
    add_row(tile, row + 3u, left_even.w, left_odd.w, even, odd);
}
// </lib>

@compute @workgroup_size(LANES)
fn gemm_outer(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let place = place_of(group.x + group.y * groups.x, ROWS, 4u * VECTORS * LANES);
    if (place.slice >= params.slices) {
        return; // the whole workgroup: the fold of the grid made one too many
    }
    // rows and columns beyond the last compute the last again and are not stored; lanes from 8 on
    // hold the rows of the first 8
    let last_row = params.m - 4u;
    let near = place.col + 4u * lane;
    let far = near + 4u * LANES;
    let step_a = params.m / 4u;
    let step_b = params.n / 4u;
    let first_a = (place.a + place.begin * params.m) / 4u;
    let first_b = (place.b + place.begin * params.n) / 4u;
    var at_a = first_a + min(place.row + lane % 8u * 4u, last_row) / 4u;
    var at_more = first_a + min(place.row + 16u + lane * 4u, last_row) / 4u; // for 4 lanes
    var at_near = first_b + min(near, params.n - 4u) / 4u;
    var at_far = first_b + min(far, params.n - 4u) / 4u;
    var tile: array<vec4f, ROWS * VECTORS>; // indexed by constants only, so that it stays in registers
    for (var k = place.begin; k < place.end; k += UNROLL) {
        let has_odd = UNROLL == 2u && k + 1u < place.end;
        let next = u32(has_odd); // an absent term is the one before it times 0
        var even: array<vec4f, 2>;
        var odd: array<vec4f, 2>;
        even[0] = b[at_near];
        if (UNROLL == 2u) {
            odd[0] = select(vec4f(), b[at_near + next * step_b], has_odd);
        }
        if (VECTORS == 2u) {
            even[1] = b[at_far];
            if (UNROLL == 2u) {
                odd[1] = select(vec4f(), b[at_far + next * step_b], has_odd);
            }
        }
        let d = a[at_a];
        var e: vec4f;
        if (UNROLL == 2u) {
            e = select(vec4f(), a[at_a + next * step_a], has_odd);
        }
        add_rows(&tile, 0u, subgroupBroadcast(d, 0u), subgroupBroadcast(e, 0u), even, odd);
        add_rows(&tile, 4u, subgroupBroadcast(d, 1u), subgroupBroadcast(e, 1u), even, odd);
        add_rows(&tile, 8u, subgroupBroadcast(d, 2u), subgroupBroadcast(e, 2u), even, odd);
        add_rows(&tile, 12u, subgroupBroadcast(d, 3u), subgroupBroadcast(e, 3u), even, odd);
        if (LANES == 4u) {
            let f = a[at_more];
            var g: vec4f;
            if (UNROLL == 2u) {
                g = select(vec4f(), a[at_more + next * step_a], has_odd);
            }
            add_rows(&tile, 16u, subgroupBroadcast(f, 0u), subgroupBroadcast(g, 0u), even, odd);
            add_rows(&tile, 20u, subgroupBroadcast(f, 1u), subgroupBroadcast(g, 1u), even, odd);
            add_rows(&tile, 24u, subgroupBroadcast(f, 2u), subgroupBroadcast(g, 2u), even, odd);
            add_rows(&tile, 28u, subgroupBroadcast(f, 3u), subgroupBroadcast(g, 3u), even, odd);
        } else {
            add_rows(&tile, 16u, subgroupBroadcast(d, 4u), subgroupBroadcast(e, 4u), even, odd);
            add_rows(&tile, 20u, subgroupBroadcast(d, 5u), subgroupBroadcast(e, 5u), even, odd);
            add_rows(&tile, 24u, subgroupBroadcast(d, 6u), subgroupBroadcast(e, 6u), even, odd);
            add_rows(&tile, 28u, subgroupBroadcast(d, 7u), subgroupBroadcast(e, 7u), even, odd);
        }
        at_a += UNROLL * step_a;
        at_more += UNROLL * step_a;
        at_near += UNROLL * step_b;
        at_far += UNROLL * step_b;
    }
    var start_near = vec4f();
    var start_far = vec4f();
    if (params.has_bias == 1u && place.slice == 0u) {
        if (near < params.n) {
            start_near = vec4f(bias[near], bias[near + 1u], bias[near + 2u], bias[near + 3u]);
        }
        if (far < params.n) {
            start_far = vec4f(bias[far], bias[far + 1u], bias[far + 2u], bias[far + 3u]);
        }
    }
    var sums = tile; // a copy, so that the tile itself is indexed by constants only
    let beyond = min(place.row + ROWS, params.m);
    for (var i = place.row; i < beyond; i++) { // not unrolled, which compilers take long to do
        let at = place.y + i * params.n;
        let first = VECTORS * (i - place.row);
        if (near < params.n) {
            y[(at + near) / 4u] = start_near + sums[first];
        }
        if (VECTORS == 2u && far < params.n) {
            y[(at + far) / 4u] = start_far + sums[first + 1u];
        }
    }
}
