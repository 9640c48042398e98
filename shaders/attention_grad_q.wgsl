// attention_grad_q — gradient of attention with respect to the queries.
//
//   s[l, t] = scale q_l . k_t, capped to softcap tanh(s / softcap), + mask[l, t]
//   p[l, t] = e^(s[l, t] - lse_l),  d_s[l, t] = p[l, t] (d_y_l . v_t - d_y_l . y_l)
//   d_q_l = sum_t d_s[l, t] (d s / d q.k)[l, t] k_t
//
// Layout   as in attention.wgsl; stats [B, heads, L, 2] by attention_grad_stats.wgsl; d_y [B, L,
//          heads V]; d_q as q
// Mapping  a workgroup owns WG queries of one head, each invocation one query: its rows of q, d_y
//          and d_q stay in registers; tiles of keys and values pass through workgroup memory, read
//          by all at the same address
// Memory   k and v are loaded once for every WG queries; p is recomputed, not stored; bound by
//          arithmetic
// Source   Dao et al., FlashAttention (2022), algorithm 4
// Twin     src/kernels/attention/attention.ts

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

override WG: u32 = 64u; // invocations per workgroup
override WIDTH: u32 = 0u; // 0: read at run time
override VALUE_WIDTH: u32 = 0u;
// widths of a head in vec4, rounded up
const W4: u32 = 16u; // tune: 1 2 4 8 16 32 64
const V4: u32 = 16u; // tune: 1 2 4 8 16 32 64
const MASKED: f32 = -1e30; // host: a score of this or less excludes the key
const TILE: u32 = min(64u, 512u / (W4 + V4) / 4u * 4u); // keys
var<workgroup> wg_k: array<vec4f, TILE * W4>; // with wg_v at most 8 KiB
var<workgroup> wg_v: array<vec4f, TILE * V4>;

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

// <lib attention_score>
/// A score, and its derivative with respect to the product q . k.
struct Score {
    value: f32,
    slope: f32,
}

/// tanh x, e = exp(-2 |x|); by its series near 0, where the difference would lose x. WGSL lets the
/// builtin be off by 1e-5, and some adapters overflow inside.
fn tanh_of(x: f32, e: f32) -> f32 {
    let s = x * x;
    let series = x * (1.0 + s * (-0.33333333 + s * (0.13333333 + s * (-0.053968254
        + s * 0.021869489))));
    return select(sign(x) * (1.0 - e) / (1.0 + e), series, s < 0.09);
}

/// scale q . k, capped, masked; MASKED or less where the key is not seen.
fn score_of(product: f32, batch: u32, head: u32, query: u32, key: u32) -> Score {
    if (query >= params.queries || key >= params.keys || (params.causal == 1u && key > query)) {
        return Score(MASKED, 0.0);
    }
    var score = Score(params.scale * product, params.scale);
    if (params.softcap > 0.0) {
        let ratio = score.value / params.softcap;
        let e = exp(-2.0 * abs(ratio));
        let slope = 4.0 * e / ((1.0 + e) * (1.0 + e)); // of tanh
        score = Score(params.softcap * tanh_of(ratio, e), params.scale * slope);
    }
    if (params.has_mask == 1u) {
        let row = batch * params.mask_batch + head * params.mask_head + query * params.mask_query;
        score.value += mask[row + key];
    }
    return score;
}
// </lib>

// <lib attention_vectors>
/// Four numbers of a row of q, 0 beyond its width.
fn q_at(row: u32, i: u32) -> vec4f {
    var four = vec4f();
    for (var j = 0u; j < 4u; j++) {
        if (4u * i + j < fixed_or(WIDTH, params.width)) {
            four[j] = q[row * fixed_or(WIDTH, params.width) + 4u * i + j];
        }
    }
    return four;
}

/// Four numbers of a row of k, 0 beyond its width.
fn k_at(row: u32, i: u32) -> vec4f {
    var four = vec4f();
    for (var j = 0u; j < 4u; j++) {
        if (4u * i + j < fixed_or(WIDTH, params.width)) {
            four[j] = k[row * fixed_or(WIDTH, params.width) + 4u * i + j];
        }
    }
    return four;
}

/// Four numbers of a row of v, 0 beyond its width.
fn v_at(row: u32, i: u32) -> vec4f {
    var four = vec4f();
    for (var j = 0u; j < 4u; j++) {
        if (4u * i + j < fixed_or(VALUE_WIDTH, params.value_width)) {
            four[j] = v[row * fixed_or(VALUE_WIDTH, params.value_width) + 4u * i + j];
        }
    }
    return four;
}
// </lib>

/// Four numbers of a row of d_y, 0 beyond its width.
fn d_y_at(row: u32, i: u32) -> vec4f {
    var four = vec4f();
    for (var j = 0u; j < 4u; j++) {
        if (4u * i + j < fixed_or(VALUE_WIDTH, params.value_width)) {
            four[j] = d_y[row * fixed_or(VALUE_WIDTH, params.value_width) + 4u * i + j];
        }
    }
    return four;
}

/// Fills wg_k and wg_v with the keys from `start` on; beyond the last key, with the last.
fn stage(batch: u32, kv_head: u32, start: u32, lane: u32) {
    for (var e = lane; e < TILE * W4; e += WG) {
        let key = min(start + e / W4, params.keys - 1u);
        wg_k[e] = k_at((batch * params.keys + key) * params.kv_heads + kv_head, e % W4);
    }
    for (var e = lane; e < TILE * V4; e += WG) {
        let key = min(start + e / V4, params.keys - 1u);
        wg_v[e] = v_at((batch * params.keys + key) * params.kv_heads + kv_head, e % V4);
    }
}

/// Stores a finished row of d_q.
fn store(row: u32, sum: ptr<function, array<vec4f, W4>>) {
    let width = fixed_or(WIDTH, params.width);
    for (var i = 0u; i < W4; i++) {
        for (var j = 0u; j < 4u; j++) {
            if (4u * i + j < width) {
                d_q[row * width + 4u * i + j] = (*sum)[i][j];
            }
        }
    }
}

@compute @workgroup_size(WG)
fn attention_grad_q(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = group.x + group.y * groups.x;
    let tiles = (params.queries + WG - 1u) / WG;
    let head = (index / tiles) % params.heads;
    let batch = index / (tiles * params.heads);
    if (batch >= params.batches) {
        return; // the whole workgroup: the fold of the grid made one too many
    }
    let kv_head = head / (params.heads / params.kv_heads);
    let first = index % tiles * WG;
    let query = first + lane; // beyond the last one it helps to stage and stores nothing
    let clamped = min(query, params.queries - 1u);
    let row = (batch * params.queries + clamped) * params.heads + head;
    let at = 2u * ((batch * params.heads + head) * params.queries + clamped);
    var query_row: array<vec4f, W4>;
    for (var i = 0u; i < W4; i++) {
        query_row[i] = q_at(row, i);
    }
    var d_y_row: array<vec4f, V4>;
    for (var i = 0u; i < V4; i++) {
        d_y_row[i] = d_y_at(row, i);
    }
    var sum: array<vec4f, W4>;
    let end = select(params.keys, min(params.keys, first + WG), params.causal == 1u);
    for (var start = 0u; start < end; start += TILE) {
        // all have read the tile before
        workgroupBarrier();
        stage(batch, kv_head, start, lane);
        // wg_k and wg_v are full
        workgroupBarrier();
        for (var t = 0u; t < TILE; t++) {
            var product = 0.0;
            for (var i = 0u; i < W4; i++) {
                product += dot(query_row[i], wg_k[t * W4 + i]);
            }
            let score = score_of(product, batch, head, query, start + t);
            var d_p = 0.0;
            for (var i = 0u; i < V4; i++) {
                d_p += dot(d_y_row[i], wg_v[t * V4 + i]);
            }
            let p = select(exp(score.value - stats[at]), 0.0, score.value <= MASKED);
            let d_product = p * (d_p - stats[at + 1u]) * score.slope;
            for (var i = 0u; i < W4; i++) {
                sum[i] += d_product * wg_k[t * W4 + i];
            }
        }
    }
    if (query < params.queries) {
        store(row, &sum);
    }
}
