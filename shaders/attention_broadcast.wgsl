// attention_broadcast — attention.wgsl with ROWS queries per invocation, keys by broadcast.
//
//   y[l] = sum_t p[l, t] v[t] / sum_t p[l, t],  p[l, t] = e^(scale q_l . k_t + mask[l, t] - peak_l)
//
// Layout   as in attention.wgsl; widths of the heads are multiples of four and at most 64
// Mapping  a workgroup of one subgroup owns ROWS LANES queries of a head. An invocation holds ROWS
//          of them in registers, LANES apart, with their running sums. For each key the lanes load
//          its rows of k and v once, four numbers each, and every lane gets all of them by
//          broadcast. No barrier: software adapters keep the variables of a shader with barriers in
//          memory
// Memory   2 loads of 16 bytes per lane for 2 ROWS W fma, and W broadcasts of each row
// Source   Dao et al., FlashAttention (2022), algorithm 1; the sums are rescaled only when a score
//          exceeds the peak by SLACK
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
@group(0) @binding(1) var<storage, read> q: array<vec4f>;
@group(0) @binding(2) var<storage, read> k: array<vec4f>;
@group(0) @binding(3) var<storage, read> v: array<vec4f>;
@group(0) @binding(4) var<storage, read> mask: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> lse: array<f32>;

override LANES: u32 = 8u; // of a subgroup: 4 to 64; the workgroup is exactly one
// widths of a head in vec4, rounded up
const W4: u32 = 8u; // tune: 1 2 4 8 16
const V4: u32 = 8u; // tune: 1 2 4 8 16
const ROWS: u32 = 4u; // tune: 2 4
const MASKED: f32 = -1e30; // host: a score of this or less excludes the key
const SLACK: f32 = 8.0; // a weight relative to the peak is at most e^SLACK

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

// <lib spread_subgroup>
/// A row of up to 16 vectors, as wide as the wider of W4 and V4: vector i lies in lane i mod LANES,
/// in part i / LANES of that lane.
fn spread(parts: array<vec4f, 4>) -> array<vec4f, 16> {
    var row = array<vec4f, 16>();
    for (var c = 0u; c < 4u; c++) {
        var fours = array<vec4f, 4>(lanes_0(parts[0][c]), vec4f(), vec4f(), vec4f());
        if (max(W4, V4) > 4u) {
            if (LANES == 4u) {
                fours[1] = lanes_0(parts[1][c]);
            } else {
                fours[1] = lanes_4(parts[0][c]);
            }
        }
        if (max(W4, V4) > 8u) {
            if (LANES == 4u) {
                fours[2] = lanes_0(parts[2][c]);
                fours[3] = lanes_0(parts[3][c]);
            } else if (LANES == 8u) {
                fours[2] = lanes_0(parts[1][c]);
                fours[3] = lanes_4(parts[1][c]);
            } else {
                fours[2] = lanes_8(parts[0][c]);
                fours[3] = lanes_12(parts[0][c]);
            }
        }
        for (var i = 0u; i < 16u; i++) {
            row[i][c] = fours[i / 4u][i % 4u];
        }
    }
    return row;
}
// </lib>

/// The parts of a row of k that a lane holds; 0 beyond its width.
fn k_parts(row: u32, lane: u32) -> array<vec4f, 4> {
    let width = params.width / 4u;
    var parts = array<vec4f, 4>();
    for (var p = 0u; p < 4u; p++) {
        if (p * LANES < W4) {
            let i = p * LANES + lane;
            parts[p] = select(vec4f(), k[row * width + min(i, width - 1u)], i < width);
        }
    }
    return parts;
}

/// The parts of a row of v that a lane holds; 0 beyond its width.
fn v_parts(row: u32, lane: u32) -> array<vec4f, 4> {
    let width = params.value_width / 4u;
    var parts = array<vec4f, 4>();
    for (var p = 0u; p < 4u; p++) {
        if (p * LANES < V4) {
            let i = p * LANES + lane;
            parts[p] = select(vec4f(), v[row * width + min(i, width - 1u)], i < width);
        }
    }
    return parts;
}

/// Rows of q and y, counted in heads, of four queries; beyond the last query the last again.
fn query_rows(batch: u32, head: u32, query: vec4u) -> vec4u {
    return (batch * params.queries + min(query, vec4u(params.queries - 1u))) * params.heads + head;
}

@compute @workgroup_size(LANES)
fn attention_broadcast(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let index = group.x + group.y * groups.x;
    let tiles = (params.queries + ROWS * LANES - 1u) / (ROWS * LANES);
    let head = (index / tiles) % params.heads;
    let batch = index / (tiles * params.heads);
    if (batch >= params.batches) {
        return; // the whole workgroup: the fold of the grid made one too many
    }
    let kv_head = head / (params.heads / params.kv_heads);
    let first = index % tiles * ROWS * LANES;
    let queries = first + lane + vec4u(0u, LANES, 2u * LANES, 3u * LANES);
    let rows = query_rows(batch, head, queries);
    let width = params.width / 4u;
    let value_width = params.value_width / 4u;
    var q_own = array<vec4f, ROWS * W4>(); // indexed by constants only, so that they stay in registers
    var y_own = array<vec4f, ROWS * V4>();
    for (var i = 0u; i < width; i++) {
        for (var r = 0u; r < ROWS; r++) {
            let q_four = q[rows[r] * width + i];
            for (var j = 0u; j < W4; j++) {
                q_own[r * W4 + j] = select(q_own[r * W4 + j], q_four, i == j);
            }
        }
    }
    var peak = vec4f(MASKED);
    var total = vec4f();
    let end = select(params.keys, min(params.keys, first + ROWS * LANES), params.causal == 1u);
    for (var t = 0u; t < end; t++) {
        let row = (batch * params.keys + t) * params.kv_heads + kv_head;
        let key = spread(k_parts(row, lane));
        var products = vec4f();
        for (var r = 0u; r < ROWS; r++) {
            var sums = vec4f();
            for (var i = 0u; i < W4; i++) {
                sums += q_own[r * W4 + i] * key[i];
            }
            products[r] = (sums.x + sums.y) + (sums.z + sums.w);
        }
        let scores = scores_of(products, batch, head, queries, vec4u(t)).values;
        if (any(scores > peak + SLACK)) {
            let top = max(peak, scores);
            let rescale = exp(peak - top);
            peak = top;
            total *= rescale;
            for (var r = 0u; r < ROWS; r++) {
                for (var i = 0u; i < V4; i++) {
                    y_own[r * V4 + i] *= rescale[r];
                }
            }
        }
        let weights = select(exp(scores - peak), vec4f(), scores <= vec4f(MASKED));
        total += weights;
        let value = spread(v_parts(row, lane));
        for (var r = 0u; r < ROWS; r++) {
            for (var i = 0u; i < V4; i++) {
                y_own[r * V4 + i] += weights[r] * value[i];
            }
        }
    }
    var share = vec4f();
    for (var r = 0u; r < ROWS; r++) {
        let some = total[r] > 0.0 || is_nan(total[r]);
        share[r] = select(0.0, 1.0 / total[r], some);
        if (queries[r] < params.queries) {
            lse[(batch * params.heads + head) * params.queries + queries[r]] =
                select(0.0, peak[r] + log_of(total[r]), some);
        }
    }
    for (var i = 0u; i < value_width; i++) {
        for (var r = 0u; r < ROWS; r++) {
            var four = vec4f();
            for (var j = 0u; j < V4; j++) {
                four = select(four, y_own[r * V4 + j], i == j);
            }
            if (queries[r] < params.queries) {
                y[rows[r] * value_width + i] = four * share[r];
            }
        }
    }
}
