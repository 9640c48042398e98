// attention_rows — attention.wgsl with one invocation per query, not unrolled.
//
//   s[l, t] = scale q_l . k_t, capped to softcap tanh(s / softcap), + mask[l, t]
//   y_l = sum_t p[l, t] v_t,  p = softmax of s over t,  lse_l = ln sum_t e^s[l, t]
//   y_l = 0 and lse_l = 0 where no key is seen
//
// Layout   as in attention.wgsl
// Mapping  one invocation per query and head; eight keys at a time; y itself holds the running sum
// Memory   9 loads for 8 products, 9 loads and a store for 8 sums; for software adapters, where
//          loads cost the same everywhere, barriers are expensive and a long unrolled kernel takes
//          seconds to compile
// Source   Dao et al., FlashAttention (2022), algorithm 1, with one rescaling per eight keys
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
@group(0) @binding(5) var<storage, read_write> y: array<f32>;
@group(0) @binding(6) var<storage, read_write> lse: array<f32>;

override WG: u32 = 8u; // invocations per workgroup
const MASKED: f32 = -1e30; // host: a score of this or less excludes the key

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

@compute @workgroup_size(WG)
fn attention_rows(
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
    for (var e = 0u; e < params.value_width; e++) {
        y[y_row + e] = 0.0;
    }
    var peak = MASKED;
    var total = 0.0;
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
        let low_scores = scores_of(low_products, batch, head, vec4u(query), low).values;
        let high_scores = scores_of(high_products, batch, head, vec4u(query), high).values;
        // rescale the running sums to the new maximum
        let m = max(low_scores, high_scores);
        let top = max(peak, max(max(m.x, m.y), max(m.z, m.w)));
        let rescale = exp(peak - top);
        let low_weights = select(exp(low_scores - top), vec4f(), low_scores <= vec4f(MASKED));
        let high_weights = select(exp(high_scores - top), vec4f(), high_scores <= vec4f(MASKED));
        peak = top;
        total = total * rescale + dot(low_weights + high_weights, vec4f(1.0));
        for (var e = 0u; e < params.value_width; e++) {
            y[y_row + e] = y[y_row + e] * rescale
                + dot(low_weights, v_at(low_rows * params.value_width, e))
                + dot(high_weights, v_at(high_rows * params.value_width, e));
        }
    }
    let share = select(0.0, 1.0 / total, total > 0.0 || is_nan(total));
    for (var e = 0u; e < params.value_width; e++) {
        y[y_row + e] *= share;
    }
    lse[i] = select(0.0, peak + log_of(total), total > 0.0 || is_nan(total));
}
