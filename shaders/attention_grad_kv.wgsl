// attention_grad_kv — gradients of attention with respect to the keys and the values.
//
//   s[l, t] = scale q_l . k_t, capped to softcap tanh(s / softcap), + mask[l, t]
//   p[l, t] = e^(s[l, t] - lse_l),  d_s[l, t] = p[l, t] (d_y_l . v_t - d_y_l . y_l)
//   d_v_t = sum_l p[l, t] d_y_l,  d_k_t = sum_l d_s[l, t] (d s / d q.k)[l, t] q_l
//   summed over the heads of q that share a head of k and v
//
// Layout   as in attention.wgsl; stats [B, heads, L, 2] by attention_grad_stats.wgsl; d_y [B, L,
//          heads V]; d_k as k, d_v as v
// Mapping  a workgroup owns WG keys of one head of k, each invocation one key: its rows of k, v,
//          d_k and d_v stay in registers; tiles of queries pass through workgroup memory, read by
//          all at the same address
// Memory   q and d_y are loaded once for every WG keys; p is recomputed, not stored; bound by
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
@group(0) @binding(7) var<storage, read_write> d_k: array<f32>;
@group(0) @binding(8) var<storage, read_write> d_v: array<f32>;

override WG: u32 = 64u; // invocations per workgroup
override WIDTH: u32 = 0u; // 0: read at run time
override VALUE_WIDTH: u32 = 0u;
// widths of a head in vec4, rounded up
const W4: u32 = 16u; // tune: 1 2 4 8 16 32 64
const V4: u32 = 16u; // tune: 1 2 4 8 16 32 64
const MASKED: f32 = -1e30; // host: a score of this or less excludes the key
const TILE: u32 = min(64u, 512u / (W4 + V4) / 4u * 4u); // queries
var<workgroup> wg_q: array<vec4f, TILE * W4>; // with wg_d_y at most 8 KiB
var<workgroup> wg_d_y: array<vec4f, TILE * V4>;
var<workgroup> wg_stats: array<vec2f, TILE>; // at most 0.5 KiB

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

/// Fills wg_q, wg_d_y and wg_stats with the queries from `start` on; beyond the last query, with
/// the last.
fn stage(batch: u32, head: u32, start: u32, lane: u32) {
    let last = params.queries - 1u;
    for (var e = lane; e < TILE * W4; e += WG) {
        let query = min(start + e / W4, last);
        wg_q[e] = q_at((batch * params.queries + query) * params.heads + head, e % W4);
    }
    for (var e = lane; e < TILE * V4; e += WG) {
        let query = min(start + e / V4, last);
        wg_d_y[e] = d_y_at((batch * params.queries + query) * params.heads + head, e % V4);
    }
    for (var e = lane; e < TILE; e += WG) {
        let at = (batch * params.heads + head) * params.queries + min(start + e, last);
        wg_stats[e] = vec2f(stats[2u * at], stats[2u * at + 1u]);
    }
}

/// Stores a finished row of d_k and of d_v.
fn store(
    row: u32,
    d_key: ptr<function, array<vec4f, W4>>,
    d_value: ptr<function, array<vec4f, V4>>,
) {
    // loops of known length: an array that is indexed at run time leaves the registers
    let width = fixed_or(WIDTH, params.width);
    for (var e = 0u; e < 4u * W4; e++) {
        if (e < width) {
            d_k[row * width + e] = (*d_key)[e / 4u][e % 4u];
        }
    }
    let value_width = fixed_or(VALUE_WIDTH, params.value_width);
    for (var e = 0u; e < 4u * V4; e++) {
        if (e < value_width) {
            d_v[row * value_width + e] = (*d_value)[e / 4u][e % 4u];
        }
    }
}

@compute @workgroup_size(WG)
fn attention_grad_kv(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = group.x + group.y * groups.x;
    let tiles = (params.keys + WG - 1u) / WG;
    let kv_head = (index / tiles) % params.kv_heads;
    let batch = index / (tiles * params.kv_heads);
    if (batch >= params.batches) {
        return; // the whole workgroup: the fold of the grid made one too many
    }
    let first = index % tiles * WG;
    let key = first + lane; // beyond the last one it helps to stage and stores nothing
    let row = (batch * params.keys + min(key, params.keys - 1u)) * params.kv_heads + kv_head;
    var key_row: array<vec4f, W4>;
    var d_key: array<vec4f, W4>;
    for (var i = 0u; i < W4; i++) {
        key_row[i] = k_at(row, i);
    }
    var value_row: array<vec4f, V4>;
    var d_value: array<vec4f, V4>;
    for (var i = 0u; i < V4; i++) {
        value_row[i] = v_at(row, i);
    }
    let sharing = params.heads / params.kv_heads;
    // a causal query before the first key sees none of them
    let begin = select(0u, first / TILE * TILE, params.causal == 1u);
    for (var head = kv_head * sharing; head < (kv_head + 1u) * sharing; head++) {
        for (var start = begin; start < params.queries; start += TILE) {
            // all have read the tile before
            workgroupBarrier();
            stage(batch, head, start, lane);
            // wg_q, wg_d_y and wg_stats are full
            workgroupBarrier();
            for (var t = 0u; t < TILE; t++) {
                var product = 0.0;
                for (var i = 0u; i < W4; i++) {
                    product += dot(wg_q[t * W4 + i], key_row[i]);
                }
                let score = score_of(product, batch, head, start + t, key);
                let p = select(exp(score.value - wg_stats[t].x), 0.0, score.value <= MASKED);
                var d_p = 0.0;
                for (var i = 0u; i < V4; i++) {
                    d_p += dot(wg_d_y[t * V4 + i], value_row[i]);
                    d_value[i] += p * wg_d_y[t * V4 + i];
                }
                let d_product = p * (d_p - wg_stats[t].y) * score.slope;
                for (var i = 0u; i < W4; i++) {
                    d_key[i] += d_product * wg_q[t * W4 + i];
                }
            }
        }
    }
    if (key < params.keys) {
        store(row, &d_key, &d_value);
    }
}
