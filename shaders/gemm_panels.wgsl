// gemm_panels — gemm.wgsl with panels of b in private memory, one after the other, a by broadcasts
//
//   y[z, i, j] = sum_k a[z, i, k] B[z, k, j] + bias[j];  B[k, j] = b[k, j] or, transposed, b[j, k]
//
// Layout   a [batch.., M, K]; b [batch.., K, N] or [batch.., N, K]; bias [N]; y [slices, batch.., M,
//          N]; N, K and the terms of a slice are multiples of four
// Mapping  as gemm_panel.wgsl: a workgroup is one subgroup of 4, 8 or 16 lanes and owns ROWS rows
//          and 4 VECTORS LANES columns of y. It copies its columns of b for TERMS terms, adds their
//          products to each row of y, and goes on to the next terms
// Memory   per row and panel TERMS / (4 LANES) loads of 16 bytes, and its part of y once more; for
//          software adapters, for sums of more terms than one panel has room for
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

override TRANSPOSE_B: bool = false;
override LANES: u32 = 8u; // of a subgroup, 4, 8 or 16; the workgroup is exactly one
/// Terms of a panel.
const TERMS: u32 = 64u; // tune: 64 96 128
/// Vectors of columns per invocation; one at 16 lanes.
const VECTORS: u32 = 2u; // tune: 1 2
const ROWS: u32 = 256u; // tune: 256 1024

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

// <lib gemm_panel>
/// Vectors of columns per invocation, at most 64 columns of all lanes.
fn vectors() -> u32 { return min(VECTORS, 16u / LANES); }

/// Adds a term of a row to its sums.
fn add_term(sums: ptr<function, array<vec4f, 2>>, panel: ptr<function, array<vec4f, TERMS * VECTORS>>, term: u32, left: f32) {
    let t = vectors() * term;
    (*sums)[0] = fma(vec4f(left), (*panel)[t], (*sums)[0]);
    if (vectors() == 2u) {
        (*sums)[1] = fma(vec4f(left), (*panel)[t + 1u], (*sums)[1]);
    }
}

/// Adds four terms of a row, unless they are beyond the panel.
fn add_four(sums: ptr<function, array<vec4f, 2>>, panel: ptr<function, array<vec4f, TERMS * VECTORS>>, four: u32, left: vec4f) {
    if (four < TERMS / 4u) {
        add_term(sums, panel, 4u * four, left.x);
        add_term(sums, panel, 4u * four + 1u, left.y);
        add_term(sums, panel, 4u * four + 2u, left.z);
        add_term(sums, panel, 4u * four + 3u, left.w);
    }
}

/// Adds the terms of a row that the lanes hold, four each, from four `first` on.
fn add_loaded(sums: ptr<function, array<vec4f, 2>>, panel: ptr<function, array<vec4f, TERMS * VECTORS>>, first: u32, loaded: vec4f) {
    add_four(sums, panel, first, subgroupBroadcast(loaded, 0u));
    add_four(sums, panel, first + 1u, subgroupBroadcast(loaded, 1u));
    add_four(sums, panel, first + 2u, subgroupBroadcast(loaded, 2u));
    add_four(sums, panel, first + 3u, subgroupBroadcast(loaded, 3u));
    if (LANES > 4u) {
        add_four(sums, panel, first + 4u, subgroupBroadcast(loaded, 4u));
        add_four(sums, panel, first + 5u, subgroupBroadcast(loaded, 5u));
        add_four(sums, panel, first + 6u, subgroupBroadcast(loaded, 6u));
        add_four(sums, panel, first + 7u, subgroupBroadcast(loaded, 7u));
    }
    if (LANES > 8u) {
        add_four(sums, panel, first + 8u, subgroupBroadcast(loaded, 8u));
        add_four(sums, panel, first + 9u, subgroupBroadcast(loaded, 9u));
        add_four(sums, panel, first + 10u, subgroupBroadcast(loaded, 10u));
        add_four(sums, panel, first + 11u, subgroupBroadcast(loaded, 11u));
        add_four(sums, panel, first + 12u, subgroupBroadcast(loaded, 12u));
        add_four(sums, panel, first + 13u, subgroupBroadcast(loaded, 13u));
        add_four(sums, panel, first + 14u, subgroupBroadcast(loaded, 14u));
        add_four(sums, panel, first + 15u, subgroupBroadcast(loaded, 15u));
    }
}

/// Four terms of a row of a, which begins at vector `first`; 0 beyond the last of `terms`.
fn load_a(first: u32, four: u32, terms: u32) -> vec4f {
    let exists = 4u * four < terms;
    return select(vec4f(), a[first + select(0u, four, exists)], exists);
}

/// Four terms of four columns of B, from its element `first` on.
fn load_b(first: u32) -> mat4x4f {
    let at = first / 4u;
    let step = select(params.n, params.k, TRANSPOSE_B) / 4u;
    let four = mat4x4f(b[at], b[at + step], b[at + 2u * step], b[at + 3u * step]);
    if (TRANSPOSE_B) {
        return transpose(four);
    }
    return four;
}

/// Copies the terms from `begin` to `end` of a lane's columns of B, those from `col` on, into the
/// panel; columns beyond the last are the last again. Terms of the panel beyond `end` stay as they
/// are.
fn copy_panel(panel: ptr<function, array<vec4f, TERMS * VECTORS>>, first: u32, begin: u32, end: u32, col: u32) {
    for (var v = 0u; v < vectors(); v++) {
        let column = min(col + 4u * LANES * v, params.n - 4u);
        for (var k = begin; k < end; k += 4u) {
            let rows = load_b(first + k * params.b_term + column * params.b_col);
            let t = vectors() * (k - begin) + v;
            (*panel)[t] = rows[0];
            (*panel)[t + vectors()] = rows[1];
            (*panel)[t + 2u * vectors()] = rows[2];
            (*panel)[t + 3u * vectors()] = rows[3];
        }
    }
}

/// Adds the `terms` terms of the panel of one row of a, which begins at vector `first`.
fn add_row(sums: ptr<function, array<vec4f, 2>>, panel: ptr<function, array<vec4f, TERMS * VECTORS>>, first: u32, lane: u32, terms: u32) {
    // every load before the first product: software adapters spill sums that wait for one
    var loaded: array<vec4f, 8>;
    loaded[0] = load_a(first, lane, terms);
    if (TERMS > 4u * LANES) {
        loaded[1] = load_a(first, LANES + lane, terms);
    }
    if (TERMS > 8u * LANES) {
        loaded[2] = load_a(first, 2u * LANES + lane, terms);
    }
    if (TERMS > 12u * LANES) {
        loaded[3] = load_a(first, 3u * LANES + lane, terms);
    }
    if (TERMS > 16u * LANES) {
        loaded[4] = load_a(first, 4u * LANES + lane, terms);
    }
    if (TERMS > 20u * LANES) {
        loaded[5] = load_a(first, 5u * LANES + lane, terms);
    }
    if (TERMS > 24u * LANES) {
        loaded[6] = load_a(first, 6u * LANES + lane, terms);
    }
    if (TERMS > 28u * LANES) {
        loaded[7] = load_a(first, 7u * LANES + lane, terms);
    }
    add_loaded(sums, panel, 0u, loaded[0]);
    if (TERMS > 4u * LANES) {
        add_loaded(sums, panel, LANES, loaded[1]);
    }
    if (TERMS > 8u * LANES) {
        add_loaded(sums, panel, 2u * LANES, loaded[2]);
    }
    if (TERMS > 12u * LANES) {
        add_loaded(sums, panel, 3u * LANES, loaded[3]);
    }
    if (TERMS > 16u * LANES) {
        add_loaded(sums, panel, 4u * LANES, loaded[4]);
    }
    if (TERMS > 20u * LANES) {
        add_loaded(sums, panel, 5u * LANES, loaded[5]);
    }
    if (TERMS > 24u * LANES) {
        add_loaded(sums, panel, 6u * LANES, loaded[6]);
    }
    if (TERMS > 28u * LANES) {
        add_loaded(sums, panel, 7u * LANES, loaded[7]);
    }
}

/// The bias of a lane's columns, those from `col` on, in the first slice; else 0.
fn start(slice: u32, col: u32) -> array<vec4f, 2> {
    var starts: array<vec4f, 2>;
    for (var v = 0u; v < vectors(); v++) {
        let c = min(col + 4u * LANES * v, params.n - 4u);
        if (params.has_bias == 1u && slice == 0u) {
            starts[v] = vec4f(bias[c], bias[c + 1u], bias[c + 2u], bias[c + 3u]);
        }
    }
    return starts;
}
// </lib>

@compute @workgroup_size(LANES)
fn gemm_panels(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let place = place_of(group.x + group.y * groups.x, ROWS, 4u * vectors() * LANES);
    if (place.slice >= params.slices) {
        return; // the whole workgroup: the fold of the grid made one too many
    }
    let sums_of = &y; // a pointer, because y is read: storage in f16 would round parts of its sums
    let step = 4u * LANES;
    let last = params.n - 4u;
    let col = place.col + 4u * lane; // columns beyond the last are not stored
    let starts = start(place.slice, col);
    let beyond = min(place.row + ROWS, params.m);
    var panel: array<vec4f, TERMS * VECTORS>;
    for (var begin = place.begin; begin < max(place.end, place.begin + 1u); begin += TERMS) {
        let end = min(begin + TERMS, place.end);
        let terms = end - min(begin, end);
        copy_panel(&panel, place.b, begin, end, col);
        for (var t = vectors() * terms; t < vectors() * TERMS; t++) { // those of the panel before
            panel[t] = vec4f();
        }
        for (var row = place.row; row < beyond; row++) {
            let at = place.y + row * params.n;
            var sums = starts; // indexed by constants only, so that they stay in registers
            if (begin > place.begin) {
                sums[0] = (*sums_of)[(at + min(col, last)) / 4u];
                if (vectors() == 2u) {
                    sums[1] = (*sums_of)[(at + min(col + step, last)) / 4u];
                }
            }
            add_row(&sums, &panel, (place.a + row * params.k + begin) / 4u, lane, terms);
            // a loop of unknown length: of two stores in a row, software adapters move half of the
            // sums between them
            if (vectors() == 1u) {
                if (col < params.n) {
                    (*sums_of)[(at + col) / 4u] = sums[0];
                }
            } else {
                var out = sums[0];
                for (var c = col; c < min(place.col + 2u * step, params.n); c += step) {
                    (*sums_of)[(at + c) / 4u] = out;
                    out = sums[1];
                }
            }
        }
    }
}
