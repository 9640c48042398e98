// attention_grad_kv_subgroup — attention_grad_kv.wgsl with one subgroup of 8 per workgroup.
//
//   p = e^(s - lse);  d_p[l, t] = d_y_l . v_t;  d_s = p (d_p - d_y_l . y_l)
//   d_k_t = sum_l d_s[l, t] (d s / d q.k) q_l;  d_v_t = sum_l p[l, t] d_y_l
//
// Layout   as in attention_grad_kv.wgsl
// Mapping  a workgroup owns 16 keys of a head and walks over 32 queries at a time, as in
//          attention_subgroup.wgsl: two products into workgroup memory, p and d_s there, then two
//          products more; d_k and d_v themselves hold the running sums
// Memory   6 loads for 64 fma in each product; for software adapters, where a load costs 8 fma
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

override WG: u32 = 8u; // exactly one subgroup
const ROWS: u32 = 16u; // tune: 16
const COLS: u32 = 32u; // four per invocation
const MASKED: f32 = -1e30; // host: a score of this or less excludes the key

var<workgroup> wg_pairs: array<f32, 512>; // 2 KiB: [query][key], k . q, then d_s times its slope
var<workgroup> wg_p: array<f32, 512>; // 2 KiB: [query][key], v . d_y, then p
var<workgroup> wg_sums: array<f32, 512>; // 2 KiB: [row][column], a tile of sums

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

// <lib attention_outer>
/// Adds rows x columns to a tile of 16 rows: lanes 0 to 7 hold two rows each, eight apart, and the
/// columns are the lane's own four.
fn outer(tile: ptr<function, array<vec4f, 16>>, low: f32, high: f32, columns: vec4f) {
    for (var r = 0u; r < 8u; r++) {
        (*tile)[r] += subgroupShuffle(low, r) * columns;
        (*tile)[r + 8u] += subgroupShuffle(high, r) * columns;
    }
}
// </lib>

/// The row of k and v, counted in heads, of a key; beyond the last key the last again.
fn key_row(batch: u32, kv_head: u32, key: u32) -> u32 {
    return (batch * params.keys + min(key, params.keys - 1u)) * params.kv_heads + kv_head;
}

/// Rows of q and d_y, counted in heads, of four queries; beyond the last query the last again.
fn query_rows(batch: u32, head: u32, query: vec4u) -> vec4u {
    return (batch * params.queries + min(query, vec4u(params.queries - 1u))) * params.heads + head;
}

/// Fills wg_pairs and wg_p with the products of 16 keys and 32 queries.
fn multiply(key_rows: vec2u, rows: vec4u, lane: u32) {
    var products = array<vec4f, 16>(); // indexed by constants only, so that it stays in registers
    let k_at = key_rows * params.width;
    let q_at = rows * params.width;
    for (var e = 0u; e < params.width; e++) {
        let queries = vec4f(q[q_at.x + e], q[q_at.y + e], q[q_at.z + e], q[q_at.w + e]);
        outer(&products, k[k_at.x + e], k[k_at.y + e], queries);
    }
    for (var r = 0u; r < ROWS; r++) {
        for (var j = 0u; j < 4u; j++) {
            wg_pairs[(lane + j * WG) * ROWS + r] = products[r][j];
        }
    }
    var d_p = array<vec4f, 16>(); // as before
    let v_at = key_rows * params.value_width;
    let d_y_at = rows * params.value_width;
    for (var e = 0u; e < params.value_width; e++) {
        let upstream = vec4f(d_y[d_y_at.x + e], d_y[d_y_at.y + e], d_y[d_y_at.z + e],
            d_y[d_y_at.w + e]);
        outer(&d_p, v[v_at.x + e], v[v_at.y + e], upstream);
    }
    for (var r = 0u; r < ROWS; r++) {
        for (var j = 0u; j < 4u; j++) {
            wg_p[(lane + j * WG) * ROWS + r] = d_p[r][j];
        }
    }
}

/// Turns four queries' products with 16 keys into p and the derivatives with respect to q . k.
fn differentiate(batch: u32, head: u32, query: u32, t: u32, first: u32) {
    let at = 2u * ((batch * params.heads + head) * params.queries + min(query, params.queries - 1u));
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

/// Brings a tile of sums into wg_sums, [row][column]; an invocation reads only its own columns.
fn keep_sums(tile: ptr<function, array<vec4f, 16>>, lane: u32) {
    for (var r = 0u; r < ROWS; r++) {
        for (var j = 0u; j < 4u; j++) {
            wg_sums[r * COLS + j * WG + lane] = (*tile)[r][j];
        }
    }
}

/// Adds derivatives x q of a tile's queries to four columns of d_k.
fn add_queries(batch: u32, head: u32, first: u32, start: u32, chunk: u32, lane: u32) {
    let width = params.width;
    let cols = chunk + lane + vec4u(0u, WG, 2u * WG, 3u * WG);
    let count = min(COLS, params.queries - start);
    let step = params.heads * width;
    var at = ((batch * params.queries + start) * params.heads + head) * width
        + min(cols, vec4u(width - 1u));
    var tile = array<vec4f, 16>(); // as in `multiply`
    for (var t = 0u; t < count; t++) {
        let row = t * ROWS + lane % 8u;
        outer(&tile, wg_pairs[row], wg_pairs[row + 8u], vec4f(q[at.x], q[at.y], q[at.z], q[at.w]));
        at += step;
    }
    let kv_head = head / (params.heads / params.kv_heads);
    keep_sums(&tile, lane);
    let rows = min(ROWS, params.keys - first);
    for (var r = 0u; r < rows; r++) {
        let row = key_row(batch, kv_head, first + r) * width + chunk;
        for (var e = lane; e < min(COLS, width - chunk); e += WG) {
            d_k[row + e] += wg_sums[r * COLS + e];
        }
    }
}

/// Adds p x d_y of a tile's queries to four columns of d_v.
fn add_upstream(batch: u32, head: u32, first: u32, start: u32, chunk: u32, lane: u32) {
    let width = params.value_width;
    let cols = chunk + lane + vec4u(0u, WG, 2u * WG, 3u * WG);
    let count = min(COLS, params.queries - start);
    let step = params.heads * width;
    var at = ((batch * params.queries + start) * params.heads + head) * width
        + min(cols, vec4u(width - 1u));
    var tile = array<vec4f, 16>(); // as in `multiply`
    for (var t = 0u; t < count; t++) {
        let row = t * ROWS + lane % 8u;
        let upstream = vec4f(d_y[at.x], d_y[at.y], d_y[at.z], d_y[at.w]);
        outer(&tile, wg_p[row], wg_p[row + 8u], upstream);
        at += step;
    }
    let kv_head = head / (params.heads / params.kv_heads);
    keep_sums(&tile, lane);
    let rows = min(ROWS, params.keys - first);
    for (var r = 0u; r < rows; r++) {
        let row = key_row(batch, kv_head, first + r) * width + chunk;
        for (var e = lane; e < min(COLS, width - chunk); e += WG) {
            d_v[row + e] += wg_sums[r * COLS + e];
        }
    }
}

@compute @workgroup_size(WG)
fn attention_grad_kv_subgroup(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = group.x + group.y * groups.x;
    let tiles = (params.keys + ROWS - 1u) / ROWS;
    let kv_head = (index / tiles) % params.kv_heads;
    let batch = index / (tiles * params.kv_heads);
    if (batch >= params.batches) {
        return; // the whole workgroup: the fold of the grid made one too many
    }
    let first = index % tiles * ROWS;
    let own = first + lane % 8u;
    let key_rows = vec2u(key_row(batch, kv_head, own), key_row(batch, kv_head, own + 8u));
    let rows = min(ROWS, params.keys - first);
    // each column of d_k and d_v belongs to one invocation throughout
    for (var r = 0u; r < rows; r++) {
        let row = key_row(batch, kv_head, first + r);
        for (var e = lane; e < params.width; e += WG) {
            d_k[row * params.width + e] = 0.0;
        }
        for (var e = lane; e < params.value_width; e += WG) {
            d_v[row * params.value_width + e] = 0.0;
        }
    }
    let sharing = params.heads / params.kv_heads;
    // a causal query before the key does not see it
    let begin = select(0u, first, params.causal == 1u);
    for (var head = kv_head * sharing; head < (kv_head + 1u) * sharing; head++) {
        for (var start = begin; start < params.queries; start += COLS) {
            let queries = start + lane + vec4u(0u, WG, 2u * WG, 3u * WG);
            multiply(key_rows, query_rows(batch, head, queries), lane);
            // the products of all invocations are there
            workgroupBarrier();
            for (var t = lane; t < min(COLS, params.queries - start); t += WG) {
                differentiate(batch, head, start + t, t, first);
            }
            // and now p and the derivatives
            workgroupBarrier();
            for (var chunk = 0u; chunk < params.width; chunk += COLS) {
                add_queries(batch, head, first, start, chunk, lane);
            }
            for (var chunk = 0u; chunk < params.value_width; chunk += COLS) {
                add_upstream(batch, head, first, start, chunk, lane);
            }
            // all have read them
            workgroupBarrier();
        }
    }
}
