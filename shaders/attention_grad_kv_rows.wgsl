// attention_grad_kv_rows — attention_grad_kv.wgsl with one invocation per key, not unrolled.
//
//   s[l, t] = scale q_l . k_t, capped to softcap tanh(s / softcap), + mask[l, t]
//   p[l, t] = e^(s[l, t] - lse_l),  d_s[l, t] = p[l, t] (d_y_l . v_t - d_y_l . y_l)
//   d_v_t = sum_l p[l, t] d_y_l,  d_k_t = sum_l d_s[l, t] (d s / d q.k)[l, t] q_l
//   summed over the heads of q that share a head of k and v
//
// Layout   as in attention_grad_kv.wgsl
// Mapping  one invocation per key and head of k; eight queries at a time; d_k and d_v themselves
//          hold the running sums
// Memory   9 loads for 8 products, and 9 loads and a store for 8 sums, twice; for software adapters
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

/// Rows of q and d_y, counted in heads, of four queries; beyond the last query the last again.
fn query_rows(batch: u32, head: u32, query: vec4u) -> vec4u {
    return (batch * params.queries + min(query, vec4u(params.queries - 1u))) * params.heads + head;
}

/// Element e of four rows of q.
fn q_at(rows: vec4u, e: u32) -> vec4f {
    return vec4f(q[rows.x + e], q[rows.y + e], q[rows.z + e], q[rows.w + e]);
}

/// Element e of four rows of d_y.
fn d_y_at(rows: vec4u, e: u32) -> vec4f {
    return vec4f(d_y[rows.x + e], d_y[rows.y + e], d_y[rows.z + e], d_y[rows.w + e]);
}

/// Four entries of stats: each query's lse, or with `entry` 1 its d_y . y.
fn stats_at(batch: u32, head: u32, query: vec4u, entry: u32) -> vec4f {
    let l = min(query, vec4u(params.queries - 1u));
    let at = 2u * ((batch * params.heads + head) * params.queries + l) + entry;
    return vec4f(stats[at.x], stats[at.y], stats[at.z], stats[at.w]);
}

/// Adds the contributions of eight queries of one head to d_v and d_k of one key.
fn add_queries(batch: u32, head: u32, start: u32, key: u32, k_row: u32, v_row: u32) {
    let low = start + vec4u(0u, 1u, 2u, 3u);
    let high = low + 4u;
    let low_rows = query_rows(batch, head, low);
    let high_rows = query_rows(batch, head, high);
    var low_products = vec4f();
    var high_products = vec4f();
    for (var e = 0u; e < params.width; e++) {
        low_products += k[k_row + e] * q_at(low_rows * params.width, e);
        high_products += k[k_row + e] * q_at(high_rows * params.width, e);
    }
    let low_scores = scores_of(low_products, batch, head, low, vec4u(key));
    let high_scores = scores_of(high_products, batch, head, high, vec4u(key));
    let low_p = select(
        exp(low_scores.values - stats_at(batch, head, low, 0u)),
        vec4f(),
        low_scores.values <= vec4f(MASKED),
    );
    let high_p = select(
        exp(high_scores.values - stats_at(batch, head, high, 0u)),
        vec4f(),
        high_scores.values <= vec4f(MASKED),
    );
    var low_d_p = vec4f();
    var high_d_p = vec4f();
    for (var e = 0u; e < params.value_width; e++) {
        let low_d_y = d_y_at(low_rows * params.value_width, e);
        let high_d_y = d_y_at(high_rows * params.value_width, e);
        low_d_p += v[v_row + e] * low_d_y;
        high_d_p += v[v_row + e] * high_d_y;
        d_v[v_row + e] += dot(low_p, low_d_y) + dot(high_p, high_d_y);
    }
    let low_d = low_p * (low_d_p - stats_at(batch, head, low, 1u)) * low_scores.slopes;
    let high_d = high_p * (high_d_p - stats_at(batch, head, high, 1u)) * high_scores.slopes;
    for (var e = 0u; e < params.width; e++) {
        d_k[k_row + e] += dot(low_d, q_at(low_rows * params.width, e))
            + dot(high_d, q_at(high_rows * params.width, e));
    }
}

@compute @workgroup_size(WG)
fn attention_grad_kv_rows(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (group.x + group.y * groups.x) * WG + lane;
    if (i >= params.batches * params.kv_heads * params.keys) {
        return;
    }
    let key = i % params.keys;
    let kv_head = (i / params.keys) % params.kv_heads;
    let batch = i / (params.keys * params.kv_heads);
    let row = (batch * params.keys + key) * params.kv_heads + kv_head;
    for (var e = 0u; e < params.width; e++) {
        d_k[row * params.width + e] = 0.0;
    }
    for (var e = 0u; e < params.value_width; e++) {
        d_v[row * params.value_width + e] = 0.0;
    }
    let sharing = params.heads / params.kv_heads;
    // a causal query before the key does not see it
    let begin = select(0u, key, params.causal == 1u);
    for (var head = kv_head * sharing; head < (kv_head + 1u) * sharing; head++) {
        for (var start = begin; start < params.queries; start += 8u) {
            add_queries(batch, head, start, key, row * params.width, row * params.value_width);
        }
    }
}
