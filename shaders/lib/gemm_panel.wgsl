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
