// attention_grad_q_rows — attention_grad_q.wgsl with one invocation per query, not unrolled.
//
//   s[l, t] = scale q_l . k_t, capped to softcap tanh(s / softcap), + mask[l, t]
//   p[l, t] = e^(s[l, t] - lse_l),  d_s[l, t] = p[l, t] (d_y_l . v_t - d_y_l . y_l)
//   d_q_l = sum_t d_s[l, t] (d s / d q.k)[l, t] k_t
//
// Layout   as in attention_grad_q.wgsl
// Mapping  one invocation per query and head; eight keys at a time; d_q itself holds the running
//          sum
// Memory   9 loads for 8 products, twice, and 9 loads and a store for 8 sums; for software adapters
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

override WG: u32 = 8u; // invocations per workgroup
const MASKED: f32 = -1e30; // host: a score of this or less excludes the key

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

/// Rows of k and v, counted in heads, of four keys; beyond the last key the last again.
fn key_rows(batch: u32, kv_head: u32, key: vec4u) -> vec4u {
    return (batch * params.keys + min(key, vec4u(params.keys - 1u))) * params.kv_heads + kv_head;
}

/// Element e of four rows of k.
fn k_at(rows: vec4u, e: u32) -> vec4f {
    return vec4f(k[rows.x + e], k[rows.y + e], k[rows.z + e], k[rows.w + e]);
}

/// Element e of four rows of v.
fn v_at(rows: vec4u, e: u32) -> vec4f {
    return vec4f(v[rows.x + e], v[rows.y + e], v[rows.z + e], v[rows.w + e]);
}

/// d_s (d s / d q.k) from the scores, d_y . v and the query's stats.
fn d_products(scores: Scores, d_p: vec4f, at: u32) -> vec4f {
    let p = select(exp(scores.values - stats[at]), vec4f(), scores.values <= vec4f(MASKED));
    return p * (d_p - stats[at + 1u]) * scores.slopes;
}

@compute @workgroup_size(WG)
fn attention_grad_q_rows(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (group.x + group.y * groups.x) * WG + lane;
    if (i >= params.batches * params.heads * params.queries) {
        return;
    }
    let query = i % params.queries;
    let head = (i / params.queries) % params.heads;
    let batch = i / (params.queries * params.heads);
    let kv_head = head / (params.heads / params.kv_heads);
    let row = (batch * params.queries + query) * params.heads + head;
    let q_row = row * params.width;
    let y_row = row * params.value_width;
    for (var e = 0u; e < params.width; e++) {
        d_q[q_row + e] = 0.0;
    }
    let end = select(params.keys, min(params.keys, query + 1u), params.causal == 1u);
    for (var start = 0u; start < end; start += 8u) {
        let low = start + vec4u(0u, 1u, 2u, 3u);
        let high = low + 4u;
        let low_rows = key_rows(batch, kv_head, low);
        let high_rows = key_rows(batch, kv_head, high);
        var low_products = vec4f();
        var high_products = vec4f();
        for (var e = 0u; e < params.width; e++) {
            low_products += q[q_row + e] * k_at(low_rows * params.width, e);
            high_products += q[q_row + e] * k_at(high_rows * params.width, e);
        }
        var low_d_p = vec4f();
        var high_d_p = vec4f();
        for (var e = 0u; e < params.value_width; e++) {
            low_d_p += d_y[y_row + e] * v_at(low_rows * params.value_width, e);
            high_d_p += d_y[y_row + e] * v_at(high_rows * params.value_width, e);
        }
        let low_scores = scores_of(low_products, batch, head, vec4u(query), low);
        let high_scores = scores_of(high_products, batch, head, vec4u(query), high);
        let low_d = d_products(low_scores, low_d_p, 2u * i);
        let high_d = d_products(high_scores, high_d_p, 2u * i);
        for (var e = 0u; e < params.width; e++) {
            d_q[q_row + e] += dot(low_d, k_at(low_rows * params.width, e))
                + dot(high_d, k_at(high_rows * params.width, e));
        }
    }
}
