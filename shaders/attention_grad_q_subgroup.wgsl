// attention_grad_q_subgroup — attention_grad_q.wgsl with one subgroup per workgroup.
//
//   p = e^(s - lse);  d_p[l, t] = d_y_l . v_t;  d_s = p (d_p - d_y_l . y_l)
//   d_q_l = sum_t d_s[l, t] (d s / d q.k) k_t
//
// Layout   as in attention_grad_q.wgsl
// Mapping  a workgroup owns 16 queries of a head and walks over 64 keys at a time, as in
//          attention_subgroup.wgsl: two products into workgroup memory, d_s there, then the third
//          product; d_q itself holds the running sum
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
@group(0) @binding(7) var<storage, read_write> d_q: array<f32>;

override LANES: u32 = 8u; // of a subgroup: 4 to 64; the workgroup is exactly one
const ROWS: u32 = 16u; // tune: 16
const STEP: u32 = 64u; // keys; a tile of products is wider from 32 lanes on, and partly idle
const MASKED: f32 = -1e30; // host: a score of this or less excludes the key

var<workgroup> wg_pairs: array<f32, ROWS * STEP>; // 4 KiB: [key][query], q . k, then slope d_s
var<workgroup> wg_d_p: array<f32, ROWS * STEP>; // 4 KiB: [key][query], d_y . v
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

/// The row of q and d_y, counted in heads, of a query; beyond the last query the last again.
fn query_row(batch: u32, head: u32, query: u32) -> u32 {
    return (batch * params.queries + min(query, params.queries - 1u)) * params.heads + head;
}

/// Rows of q and d_y, counted in heads, of four queries; beyond the last query the last again.
fn query_rows(batch: u32, head: u32, query: vec4u) -> vec4u {
    return (batch * params.queries + min(query, vec4u(params.queries - 1u))) * params.heads + head;
}

/// Rows of k and v, counted in heads, of four keys; beyond the last key the last again.
fn key_rows(batch: u32, kv_head: u32, key: vec4u) -> vec4u {
    return (batch * params.keys + min(key, vec4u(params.keys - 1u))) * params.kv_heads + kv_head;
}

/// A lane's columns of a tile.
fn columns_of(lane: u32) -> vec4u {
    return lane + vec4u(0u, LANES, 2u * LANES, 3u * LANES);
}

/// The part of q that a lane holds for its neighbours.
fn q_rows(at: vec4u) -> vec4f {
    var rows = vec4f(q[at.x], 0.0, 0.0, 0.0);
    if (LANES < 16u) {
        rows.y = q[at.y];
    }
    if (LANES < 8u) {
        rows.z = q[at.z];
        rows.w = q[at.w];
    }
    return rows;
}

/// The part of d_y that a lane holds for its neighbours.
fn d_y_rows(at: vec4u) -> vec4f {
    var rows = vec4f(d_y[at.x], 0.0, 0.0, 0.0);
    if (LANES < 16u) {
        rows.y = d_y[at.y];
    }
    if (LANES < 8u) {
        rows.z = d_y[at.z];
        rows.w = d_y[at.w];
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

/// Fills wg_pairs with the products q . k of 16 queries and four keys of each lane.
fn multiply(q_at: vec4u, k_at: vec4u, columns: vec4u) {
    var tile = array<vec4f, ROWS>(); // indexed by constants only, so that it stays in registers
    for (var e = 0u; e < params.width; e++) {
        let keys = vec4f(k[k_at.x + e], k[k_at.y + e], k[k_at.z + e], k[k_at.w + e]);
        outer(&tile, q_rows(q_at + e), keys);
    }
    for (var j = 0u; j < 4u; j++) {
        if (4u * LANES <= STEP || columns[j] < STEP) {
            for (var r = 0u; r < ROWS; r++) {
                wg_pairs[columns[j] * ROWS + r] = tile[r][j];
            }
        }
    }
}

/// Fills wg_d_p with the products d_y . v of the same.
fn multiply_values(d_y_at: vec4u, v_at: vec4u, columns: vec4u) {
    var tile = array<vec4f, ROWS>(); // as in `multiply`
    for (var e = 0u; e < params.value_width; e++) {
        let values = vec4f(v[v_at.x + e], v[v_at.y + e], v[v_at.z + e], v[v_at.w + e]);
        outer(&tile, d_y_rows(d_y_at + e), values);
    }
    for (var j = 0u; j < 4u; j++) {
        if (4u * LANES <= STEP || columns[j] < STEP) {
            for (var r = 0u; r < ROWS; r++) {
                wg_d_p[columns[j] * ROWS + r] = tile[r][j];
            }
        }
    }
}

/// Turns a row of products into the derivatives with respect to them.
fn differentiate(batch: u32, head: u32, query: u32, row: u32, start: u32) {
    let l = min(query, params.queries - 1u);
    let at = 2u * ((batch * params.heads + head) * params.queries + l);
    let lse = stats[at];
    let along = stats[at + 1u];
    let count = min(STEP, params.keys - start);
    for (var t = 0u; t < count; t += 4u) {
        let i = t * ROWS + row + vec4u(0u, ROWS, 2u * ROWS, 3u * ROWS);
        let products = vec4f(wg_pairs[i.x], wg_pairs[i.y], wg_pairs[i.z], wg_pairs[i.w]);
        let d_p = vec4f(wg_d_p[i.x], wg_d_p[i.y], wg_d_p[i.z], wg_d_p[i.w]);
        let keys = start + t + vec4u(0u, 1u, 2u, 3u);
        let scores = scores_of(products, batch, head, vec4u(query), keys);
        let p = select(exp(scores.values - lse), vec4f(), scores.values <= vec4f(MASKED));
        let d = p * (d_p - along) * scores.slopes;
        for (var j = 0u; j < 4u; j++) {
            wg_pairs[i[j]] = d[j];
        }
    }
}

/// Adds derivatives x k of a step's keys to four columns of d_q.
fn add_keys(batch: u32, head: u32, first: u32, start: u32, chunk: u32, lane: u32) {
    let kv_head = head / (params.heads / params.kv_heads);
    let width = params.width;
    let count = min(STEP, params.keys - start);
    let step = params.kv_heads * width;
    var at = ((batch * params.keys + start) * params.kv_heads + kv_head) * width
        + min(chunk + columns_of(lane), vec4u(width - 1u));
    var pairs = rows_of(lane);
    var tile = array<vec4f, ROWS>(); // as in `multiply`
    for (var t = 0u; t < count; t++) {
        outer(&tile, pair_rows(pairs), vec4f(k[at.x], k[at.y], k[at.z], k[at.w]));
        at += step;
        pairs += ROWS;
    }
    // through workgroup memory: 64 guarded stores would take long to compile
    for (var r = 0u; r < ROWS; r += 4u) {
        for (var i = 0u; i < 4u; i++) {
            for (var j = 0u; j < 4u; j++) {
                wg_sums[(i * 4u + j) * LANES + lane] = tile[r + i][j];
            }
        }
        // an invocation reads only its own columns
        for (var i = 0u; i < min(4u, max(params.queries - first, r) - r); i++) {
            let row = query_row(batch, head, first + r + i) * width + chunk;
            for (var e = lane; e < min(4u * LANES, width - chunk); e += LANES) {
                d_q[row + e] += wg_sums[i * 4u * LANES + e];
            }
        }
    }
}

@compute @workgroup_size(LANES)
fn attention_grad_q_subgroup(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let index = group.x + group.y * groups.x;
    let tiles = (params.queries + ROWS - 1u) / ROWS;
    let head = (index / tiles) % params.heads;
    let batch = index / (tiles * params.heads);
    if (batch >= params.batches) {
        return; // the whole workgroup: the fold of the grid made one too many
    }
    let kv_head = head / (params.heads / params.kv_heads);
    let first = index % tiles * ROWS;
    let own_rows = query_rows(batch, head, first + rows_of(lane));
    let rows = min(ROWS, params.queries - first);
    // each column of d_q belongs to one invocation throughout
    for (var r = 0u; r < rows; r++) {
        let row = query_row(batch, head, first + r) * params.width;
        for (var e = lane; e < params.width; e += LANES) {
            d_q[row + e] = 0.0;
        }
    }
    let end = select(params.keys, min(params.keys, first + ROWS), params.causal == 1u);
    for (var start = 0u; start < end; start += STEP) {
        let count = min(STEP, params.keys - start);
        for (var t = 0u; t < count; t += 4u * LANES) {
            let columns = t + columns_of(lane);
            let rows_of_keys = key_rows(batch, kv_head, start + columns);
            multiply(own_rows * params.width, rows_of_keys * params.width, columns);
            multiply_values(
                own_rows * params.value_width,
                rows_of_keys * params.value_width,
                columns,
            );
        }
        // the products of all invocations are there
        workgroupBarrier();
        for (var r = lane; r < ROWS; r += LANES) {
            differentiate(batch, head, first + r, r, start);
        }
        // and now the derivatives
        workgroupBarrier();
        for (var chunk = 0u; chunk < params.width; chunk += 4u * LANES) {
            add_keys(batch, head, first, start, chunk, lane);
        }
        // all have read them
        workgroupBarrier();
    }
}
