// attention_subgroup — attention.wgsl with one subgroup of 8 per workgroup.
//
//   s[l, t] = scale q_l . k_t, capped to softcap tanh(s / softcap), + mask[l, t]
//   y_l = sum_t p[l, t] v_t,  p = softmax of s over t,  lse_l = ln sum_t e^s[l, t]
//   y_l = 0 and lse_l = 0 where no key is seen
//
// Layout   as in attention.wgsl
// Mapping  a workgroup owns 16 queries of a head and walks over 32 keys at a time. Both products are
//          outer products in registers: an invocation has 16 rows of 4 columns, 8 apart, and takes
//          the rows from its neighbours. In between, the 16 x 32 scores lie in workgroup memory,
//          where an invocation turns two whole rows into weights; y itself holds the running sum
// Memory   6 loads for 64 fma in each product; for software adapters, where a load costs 8 fma
// Source   Dao et al., FlashAttention (2022), algorithm 1, with one rescaling per 32 keys
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
@group(0) @binding(5) var<storage, read_write> y: array<f32>;
@group(0) @binding(6) var<storage, read_write> lse: array<f32>;

override WG: u32 = 8u; // exactly one subgroup
const ROWS: u32 = 16u; // tune: 16
const COLS: u32 = 32u; // four per invocation
const MASKED: f32 = -1e30; // host: a score of this or less excludes the key

var<workgroup> wg_pairs: array<f32, 512>; // 2 KiB: [key][query], products, then weights
var<workgroup> wg_sums: array<f32, 512>; // 2 KiB: [row][column], a tile of sums
var<workgroup> wg_peak: array<f32, ROWS>; // 64 B: each query's largest score so far
var<workgroup> wg_total: array<f32, ROWS>; // 64 B: its sum of weights
var<workgroup> wg_scale: array<f32, ROWS>; // 64 B: what its running sum is multiplied by

// <lib log_of>
/// ln v by IEEE 754: NaN of NaN and of v < 0, infinite at 0 and infinity, where WGSL leaves the
/// builtin open and drivers give numbers such as 89.
fn log_of(v: f32) -> f32 {
    let bits = bitcast<u32>(v);
    let at_zero = (bits << 1u) == 0u;
    let special = select(bits | 0x7fc00000u, bits | 0xff800000u, at_zero);
    let end = bitcast<f32>(select(special, bits, bits == 0x7f800000u));
    return select(end, log(v), bits - 1u < 0x7f7fffffu);
}
// </lib>

// <lib is_nan>
/// Whether x is NaN, by its bits: WGSL may assume that comparisons never see one.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
// </lib>

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

/// The row of q and y, counted in heads, of a query; beyond the last query the last again.
fn query_row(batch: u32, head: u32, query: u32) -> u32 {
    return (batch * params.queries + min(query, params.queries - 1u)) * params.heads + head;
}

/// Rows of k and v, counted in heads, of four keys; beyond the last key the last again.
fn key_rows(batch: u32, kv_head: u32, key: vec4u) -> vec4u {
    return (batch * params.keys + min(key, vec4u(params.keys - 1u))) * params.kv_heads + kv_head;
}

/// Fills wg_pairs with the products of 16 queries and 32 keys.
fn multiply(q_at: vec2u, k_at: vec4u, lane: u32) {
    var tile = array<vec4f, 16>(); // indexed by constants only, so that it stays in registers
    for (var e = 0u; e < params.width; e++) {
        let keys = vec4f(k[k_at.x + e], k[k_at.y + e], k[k_at.z + e], k[k_at.w + e]);
        outer(&tile, q[q_at.x + e], q[q_at.y + e], keys);
    }
    for (var r = 0u; r < ROWS; r++) {
        for (var j = 0u; j < 4u; j++) {
            wg_pairs[(lane + j * WG) * ROWS + r] = tile[r][j];
        }
    }
}

/// Scores of four keys of wg_pairs, from the key `t` of the tile on.
fn scores_at(batch: u32, head: u32, query: u32, row: u32, start: u32, t: u32) -> vec4f {
    let at = t * ROWS + row;
    let products = vec4f(wg_pairs[at], wg_pairs[at + ROWS], wg_pairs[at + 2u * ROWS],
        wg_pairs[at + 3u * ROWS]);
    let keys = start + t + vec4u(0u, 1u, 2u, 3u);
    return scores_of(products, batch, head, vec4u(query), keys).values;
}

/// Turns a row of products into weights relative to the query's largest score so far.
fn weigh(batch: u32, head: u32, query: u32, row: u32, start: u32) {
    let count = min(COLS, params.keys - start);
    var top = wg_peak[row];
    for (var t = 0u; t < count; t += 4u) {
        let scores = scores_at(batch, head, query, row, start, t);
        top = max(top, max(max(scores.x, scores.y), max(scores.z, scores.w)));
    }
    let rescale = exp(wg_peak[row] - top);
    var sum = vec4f();
    for (var t = 0u; t < count; t += 4u) {
        let scores = scores_at(batch, head, query, row, start, t);
        let weights = select(exp(scores - top), vec4f(), scores <= vec4f(MASKED));
        sum += weights;
        for (var j = 0u; j < 4u; j++) {
            wg_pairs[(t + j) * ROWS + row] = weights[j];
        }
    }
    wg_peak[row] = top;
    wg_total[row] = wg_total[row] * rescale + dot(sum, vec4f(1.0));
    wg_scale[row] = rescale;
}

/// Brings a tile of sums into wg_sums, [row][column]; an invocation reads only its own columns.
fn keep_sums(tile: ptr<function, array<vec4f, 16>>, lane: u32) {
    for (var r = 0u; r < ROWS; r++) {
        for (var j = 0u; j < 4u; j++) {
            wg_sums[r * COLS + j * WG + lane] = (*tile)[r][j];
        }
    }
}

/// Adds weights x v of a tile's keys to four columns of the running sums.
fn add_values(batch: u32, head: u32, first: u32, start: u32, chunk: u32, lane: u32) {
    let kv_head = head / (params.heads / params.kv_heads);
    let width = params.value_width;
    let cols = chunk + lane + vec4u(0u, WG, 2u * WG, 3u * WG);
    let count = min(COLS, params.keys - start);
    let step = params.kv_heads * width;
    var at = ((batch * params.keys + start) * params.kv_heads + kv_head) * width
        + min(cols, vec4u(width - 1u));
    var tile = array<vec4f, 16>(); // as in `multiply`
    for (var t = 0u; t < count; t++) {
        let row = t * ROWS + lane % 8u;
        outer(&tile, wg_pairs[row], wg_pairs[row + 8u], vec4f(v[at.x], v[at.y], v[at.z], v[at.w]));
        at += step;
    }
    keep_sums(&tile, lane);
    let rows = min(ROWS, params.queries - first);
    for (var r = 0u; r < rows; r++) {
        let row = query_row(batch, head, first + r) * width + chunk;
        for (var e = lane; e < min(COLS, width - chunk); e += WG) {
            y[row + e] = y[row + e] * wg_scale[r] + wg_sums[r * COLS + e];
        }
    }
}

@compute @workgroup_size(WG)
fn attention_subgroup(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
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
    let own = first + lane % 8u;
    let q_at = vec2u(query_row(batch, head, own), query_row(batch, head, own + 8u)) * params.width;
    let rows = min(ROWS, params.queries - first);
    // each column of y belongs to one invocation throughout
    for (var r = 0u; r < rows; r++) {
        let row = query_row(batch, head, first + r) * params.value_width;
        for (var e = lane; e < params.value_width; e += WG) {
            y[row + e] = 0.0;
        }
    }
    for (var r = lane; r < ROWS; r += WG) {
        wg_peak[r] = MASKED;
        wg_total[r] = 0.0;
    }
    let end = select(params.keys, min(params.keys, first + ROWS), params.causal == 1u);
    for (var start = 0u; start < end; start += COLS) {
        let keys = start + lane + vec4u(0u, WG, 2u * WG, 3u * WG);
        multiply(q_at, key_rows(batch, kv_head, keys) * params.width, lane);
        // the products of all invocations are there
        workgroupBarrier();
        for (var r = lane; r < ROWS; r += WG) {
            weigh(batch, head, first + r, r, start);
        }
        // and now their weights
        workgroupBarrier();
        for (var chunk = 0u; chunk < params.value_width; chunk += COLS) {
            add_values(batch, head, first, start, chunk, lane);
        }
        // all have read the weights
        workgroupBarrier();
    }
    for (var r = lane; r < rows; r += WG) {
        let total = wg_total[r];
        let some = total > 0.0 || is_nan(total);
        wg_scale[r] = select(0.0, 1.0 / total, some);
        lse[(batch * params.heads + head) * params.queries + first + r] =
            select(0.0, wg_peak[r] + log_of(total), some);
    }
    // wg_scale has each query's share
    workgroupBarrier();
    for (var r = 0u; r < rows; r++) {
        let row = query_row(batch, head, first + r) * params.value_width;
        for (var e = lane; e < params.value_width; e += WG) {
            y[row + e] *= wg_scale[r];
        }
    }
}
