// attention_grad_kv_subgroup — attention_grad_kv.wgsl with one subgroup per workgroup.
//
//   p = e^(s - lse);  d_p[l, t] = d_y_l . v_t;  d_s = p (d_p - d_y_l . y_l)
//   d_k_t = sum_l d_s[l, t] (d s / d q.k) q_l;  d_v_t = sum_l p[l, t] d_y_l
//
// Layout   as in attention_grad_kv.wgsl
// Mapping  a workgroup owns 16 keys of a head and walks over 64 queries at a time, as in
//          attention_subgroup.wgsl: two products into workgroup memory, p and d_s there, then two
//          products more; d_k and d_v themselves hold the running sums
// Memory   8 loads for 64 fma in each product at 4 lanes, 6 at 8, 5 from 16 on; for software
//          adapters, where a load costs 8 fma
// Source   Dao et al., FlashAttention (2022), algorithm 4
// Twin     src/kernels/attention/attention.ts

enable subgroups;

struct Params {
    batches: u32,
    queries: u32,
    keys: u32,
    heads: u32,       // of q; the heads of k and v serve heads / kv_heads of them each
    kv_heads: u32,
    width: u32,       // of a head of q and k
    value_width: u32, // of a head of v
    mask_batch: u32,  // elements of the mask from batch to batch, 0 where it repeats
    mask_head: u32,
    mask_query: u32,
    scale: f32,
    softcap: f32,     // 0: none
    causal: u32,      // 1: query l sees keys up to l
    has_mask: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> q: array<f32>;
@group(0) @binding(2) var<storage, read> k: array<f32>;
@group(0) @binding(3) var<storage, read> v: array<f32>;
@group(0) @binding(4) var<storage, read> mask: array<f32>;
@group(0) @binding(5) var<storage, read> stats: array<f32>;
@group(0) @binding(6) var<storage, read> d_y: array<f32>;
@group(0) @binding(7) var<storage, read_write> d_k: array<f32>;
@group(0) @binding(8) var<storage, read_write> d_v: array<f32>;

override LANES: u32 = 8u; // of a subgroup: 4 to 64; the workgroup is exactly one
const ROWS: u32 = 16u; // tune: 16
const STEP: u32 = 64u; // queries; a tile of products is wider from 32 lanes on, and partly idle
const MASKED: f32 = -1e30; // host: a score of this or less excludes the key

var<workgroup> wg_pairs: array<f32, ROWS * STEP>; // 4 KiB: [query][key], k . q, then slope d_s
var<workgroup> wg_p: array<f32, ROWS * STEP>; // 4 KiB: [query][key], v . d_y, then p
var<workgroup> wg_sums: array<f32, 16u * LANES>; // at most 4 KiB: four rows of a tile of sums

// <lib attention_scores>
/// Four scores, and their derivatives with respect to the products q . k.
struct Scores {
    values: vec4f,
    slopes: vec4f,
}

/// tanh x, e = exp(-2 |x|); by its series near 0, where the difference would lose x. WGSL lets the
/// builtin be off by 1e-5, and some adapters overflow inside.
fn tanh_of(x: vec4f, e: vec4f) -> vec4f {
    let s = x * x;
    let series = x * (1.0 + s * (-0.33333333 + s * (0.13333333 + s * (-0.053968254
        + s * 0.021869489))));
    return select(sign(x) * (1.0 - e) / (1.0 + e), series, s < vec4f(0.09));
}

/// scale q . k, capped, masked; MASKED or less where the key is not seen.
fn scores_of(products: vec4f, batch: u32, head: u32, query: vec4u, key: vec4u) -> Scores {
    var scores = Scores(params.scale * products, vec4f(params.scale));
    if (params.softcap > 0.0) {
        let ratio = scores.values / params.softcap;
        let e = exp(-2.0 * abs(ratio));
        let slope = 4.0 * e / ((1.0 + e) * (1.0 + e)); // of tanh
        scores = Scores(params.softcap * tanh_of(ratio, e), params.scale * slope);
    }
    let l = min(query, vec4u(params.queries - 1u));
    let t = min(key, vec4u(params.keys - 1u));
    if (params.has_mask == 1u) {
        let at = batch * params.mask_batch + head * params.mask_head + l * params.mask_query + t;
        scores.values += vec4f(mask[at.x], mask[at.y], mask[at.z], mask[at.w]);
    }
    let behind = vec4<bool>(params.causal == 1u) & (key > query);
    let hidden = (query != l) | (key != t) | behind;
    scores.values = select(scores.values, vec4f(MASKED), hidden);
    return scores;
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

/// The row of k and v, counted in heads, of a key; beyond the last key the last again.
fn key_row(batch: u32, kv_head: u32, key: u32) -> u32 {
    return (batch * params.keys + min(key, params.keys - 1u)) * params.kv_heads + kv_head;
}

/// Rows of k and v, counted in heads, of four keys; beyond the last key the last again.
fn key_rows(batch: u32, kv_head: u32, key: vec4u) -> vec4u {
    return (batch * params.keys + min(key, vec4u(params.keys - 1u))) * params.kv_heads + kv_head;
}

/// Rows of q and d_y, counted in heads, of four queries; beyond the last query the last again.
fn query_rows(batch: u32, head: u32, query: vec4u) -> vec4u {
    return (batch * params.queries + min(query, vec4u(params.queries - 1u))) * params.heads + head;
}

/// A lane's columns of a tile.
fn columns_of(lane: u32) -> vec4u {
    return lane + vec4u(0u, LANES, 2u * LANES, 3u * LANES);
}

/// The part of k that a lane holds for its neighbours.
fn k_rows(at: vec4u) -> vec4f {
    var rows = vec4f(k[at.x], 0.0, 0.0, 0.0);
    if (LANES < 16u) {
        rows.y = k[at.y];
    }
    if (LANES < 8u) {
        rows.z = k[at.z];
        rows.w = k[at.w];
    }
    return rows;
}

/// The part of v that a lane holds for its neighbours.
fn v_rows(at: vec4u) -> vec4f {
    var rows = vec4f(v[at.x], 0.0, 0.0, 0.0);
    if (LANES < 16u) {
        rows.y = v[at.y];
    }
    if (LANES < 8u) {
        rows.z = v[at.z];
        rows.w = v[at.w];
    }
    return rows;
}

/// The part of wg_pairs that a lane holds for its neighbours.
fn pair_rows(at: vec4u) -> vec4f {
    var rows = vec4f(wg_pairs[at.x], 0.0, 0.0, 0.0);
    if (LANES < 16u) {
        rows.y = wg_pairs[at.y];
    }
    if (LANES < 8u) {
        rows.z = wg_pairs[at.z];
        rows.w = wg_pairs[at.w];
    }
    return rows;
}

/// The part of wg_p that a lane holds for its neighbours.
fn p_rows(at: vec4u) -> vec4f {
    var rows = vec4f(wg_p[at.x], 0.0, 0.0, 0.0);
    if (LANES < 16u) {
        rows.y = wg_p[at.y];
    }
    if (LANES < 8u) {
        rows.z = wg_p[at.z];
        rows.w = wg_p[at.w];
    }
    return rows;
}

/// Fills wg_pairs with the products k . q of 16 keys and four queries of each lane.
fn multiply(k_at: vec4u, q_at: vec4u, columns: vec4u) {
    var tile = array<vec4f, ROWS>(); // indexed by constants only, so that it stays in registers
    for (var e = 0u; e < params.width; e++) {
        let queries = vec4f(q[q_at.x + e], q[q_at.y + e], q[q_at.z + e], q[q_at.w + e]);
        outer(&tile, k_rows(k_at + e), queries);
    }
    for (var j = 0u; j < 4u; j++) {
        if (4u * LANES <= STEP || columns[j] < STEP) {
            for (var r = 0u; r < ROWS; r++) {
                wg_pairs[columns[j] * ROWS + r] = tile[r][j];
            }
        }
    }
}

/// Fills wg_p with the products v . d_y of the same.
fn multiply_values(v_at: vec4u, d_y_at: vec4u, columns: vec4u) {
    var tile = array<vec4f, ROWS>(); // as in `multiply`
    for (var e = 0u; e < params.value_width; e++) {
        let upstream = vec4f(d_y[d_y_at.x + e], d_y[d_y_at.y + e], d_y[d_y_at.z + e],
            d_y[d_y_at.w + e]);
        outer(&tile, v_rows(v_at + e), upstream);
    }
    for (var j = 0u; j < 4u; j++) {
        if (4u * LANES <= STEP || columns[j] < STEP) {
            for (var r = 0u; r < ROWS; r++) {
                wg_p[columns[j] * ROWS + r] = tile[r][j];
            }
        }
    }
}

/// Turns four queries' products with 16 keys into p and the derivatives with respect to q . k.
fn differentiate(batch: u32, head: u32, query: u32, t: u32, first: u32) {
    let l = min(query, params.queries - 1u);
    let at = 2u * ((batch * params.heads + head) * params.queries + l);
    let lse = stats[at];
    let along = stats[at + 1u];
    let rows = min(ROWS, params.keys - first);
    for (var r = 0u; r < rows; r += 4u) {
        let i = t * ROWS + r + vec4u(0u, 1u, 2u, 3u);
        let products = vec4f(wg_pairs[i.x], wg_pairs[i.y], wg_pairs[i.z], wg_pairs[i.w]);
        let d_p = vec4f(wg_p[i.x], wg_p[i.y], wg_p[i.z], wg_p[i.w]);
        let keys = first + r + vec4u(0u, 1u, 2u, 3u);
        let scores = scores_of(products, batch, head, vec4u(query), keys);
        let p = select(exp(scores.values - lse), vec4f(), scores.values <= vec4f(MASKED));
        let d = p * (d_p - along) * scores.slopes;
        for (var j = 0u; j < 4u; j++) {
            wg_pairs[i[j]] = d[j];
            wg_p[i[j]] = p[j];
        }
    }
}

/// Adds derivatives x q of a step's queries to four columns of d_k.
fn add_queries(batch: u32, head: u32, first: u32, start: u32, chunk: u32, lane: u32) {
    let width = params.width;
    let count = min(STEP, params.queries - start);
    let step = params.heads * width;
    var at = ((batch * params.queries + start) * params.heads + head) * width
        + min(chunk + columns_of(lane), vec4u(width - 1u));
    var pairs = rows_of(lane);
    var tile = array<vec4f, ROWS>(); // as in `multiply`
    for (var t = 0u; t < count; t++) {
        outer(&tile, pair_rows(pairs), vec4f(q[at.x], q[at.y], q[at.z], q[at.w]));
        at += step;
        pairs += ROWS;
    }
    let kv_head = head / (params.heads / params.kv_heads);
    // through workgroup memory: 64 guarded stores would take long to compile
    for (var r = 0u; r < ROWS; r += 4u) {
        for (var i = 0u; i < 4u; i++) {
            for (var j = 0u; j < 4u; j++) {
                wg_sums[(i * 4u + j) * LANES + lane] = tile[r + i][j];
            }
        }
        // an invocation reads only its own columns
        for (var i = 0u; i < min(4u, max(params.keys - first, r) - r); i++) {
            let row = key_row(batch, kv_head, first + r + i) * width + chunk;
            for (var e = lane; e < min(4u * LANES, width - chunk); e += LANES) {
                d_k[row + e] += wg_sums[i * 4u * LANES + e];
            }
        }
    }
}

/// Adds p x d_y of a step's queries to four columns of d_v.
fn add_upstream(batch: u32, head: u32, first: u32, start: u32, chunk: u32, lane: u32) {
    let width = params.value_width;
    let count = min(STEP, params.queries - start);
    let step = params.heads * width;
    var at = ((batch * params.queries + start) * params.heads + head) * width
        + min(chunk + columns_of(lane), vec4u(width - 1u));
    var pairs = rows_of(lane);
    var tile = array<vec4f, ROWS>(); // as in `multiply`
    for (var t = 0u; t < count; t++) {
        outer(&tile, p_rows(pairs), vec4f(d_y[at.x], d_y[at.y], d_y[at.z], d_y[at.w]));
        at += step;
        pairs += ROWS;
    }
    let kv_head = head / (params.heads / params.kv_heads);
    // through workgroup memory: 64 guarded stores would take long to compile
    for (var r = 0u; r < ROWS; r += 4u) {
        for (var i = 0u; i < 4u; i++) {
            for (var j = 0u; j < 4u; j++) {
                wg_sums[(i * 4u + j) * LANES + lane] = tile[r + i][j];
            }
        }
        // an invocation reads only its own columns
        for (var i = 0u; i < min(4u, max(params.keys - first, r) - r); i++) {
            let row = key_row(batch, kv_head, first + r + i) * width + chunk;
            for (var e = lane; e < min(4u * LANES, width - chunk); e += LANES) {
                d_v[row + e] += wg_sums[i * 4u * LANES + e];
            }
        }
    }
}

@compute @workgroup_size(LANES)
fn attention_grad_kv_subgroup(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let index = group.x + group.y * groups.x;
    let tiles = (params.keys + ROWS - 1u) / ROWS;
    let kv_head = (index / tiles) % params.kv_heads;
    let batch = index / (tiles * params.kv_heads);
    if (batch >= params.batches) {
        return; // the whole workgroup: the fold of the grid made one too many
    }
    let first = index % tiles * ROWS;
    let own_rows = key_rows(batch, kv_head, first + rows_of(lane));
    let rows = min(ROWS, params.keys - first);
    // each column of d_k and d_v belongs to one invocation throughout
    for (var r = 0u; r < rows; r++) {
        let row = key_row(batch, kv_head, first + r);
        for (var e = lane; e < params.width; e += LANES) {
            d_k[row * params.width + e] = 0.0;
        }
        for (var e = lane; e < params.value_width; e += LANES) {
            d_v[row * params.value_width + e] = 0.0;
        }
    }
    let sharing = params.heads / params.kv_heads;
    // a causal query before the key does not see it
    let begin = select(0u, first, params.causal == 1u);
    for (var head = kv_head * sharing; head < (kv_head + 1u) * sharing; head++) {
        for (var start = begin; start < params.queries; start += STEP) {
            let count = min(STEP, params.queries - start);
            for (var t = 0u; t < count; t += 4u * LANES) {
                let columns = t + columns_of(lane);
                let rows_of_queries = query_rows(batch, head, start + columns);
                multiply(own_rows * params.width, rows_of_queries * params.width, columns);
                multiply_values(
                    own_rows * params.value_width,
                    rows_of_queries * params.value_width,
                    columns,
                );
            }
            // the products of all invocations are there
            workgroupBarrier();
            for (var t = lane; t < count; t += LANES) {
                differentiate(batch, head, start + t, t, first);
            }
            // and now p and the derivatives
            workgroupBarrier();
            for (var chunk = 0u; chunk < params.width; chunk += 4u * LANES) {
                add_queries(batch, head, first, start, chunk, lane);
            }
            for (var chunk = 0u; chunk < params.value_width; chunk += 4u * LANES) {
                add_upstream(batch, head, first, start, chunk, lane);
            }
            // all have read them
            workgroupBarrier();
        }
    }
}
