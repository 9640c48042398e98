// bin_head — depth from features: the last 1x1 convolution is part of the decode, no logit stored.
//
//   depth[r] = scale sum_k p_k centers[s, k],  p = softmax(z)
//   z_k = sum_c features[r, c] weight[k, c] + bias[k],  s = r / pixels_per_center
//
// Layout   features [V, H, W, C]; weight [K, 1, 1, C]; bias [K] or absent; centers [V, 1, 1, K] or
//          [1, 1, 1, K]; scale [V] or absent; depth [V, H, W, 1]; statistics [V, H, W, 4]:
//          (maximum, 1 / sum, 0, 0)
// Mapping  one invocation per TP pixels, which steps through the bins TK at a time: TP + TK loads
//          for TP TK products
// Memory   features read K / TK times, from cache where C is small
// Source   online softmax, Milakov and Gimelshein 2018 (arXiv:1805.02867); AdaBins eq. 3
// Twin     src/kernels/depth_bins/bin_head.ts

struct Params {
    rows: u32,              // pixels of all views
    channels: u32,          // C
    bins: u32,              // K
    plane: u32,             // pixels of a view
    pixels_per_center: u32, // pixels that share one set of centres
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> features: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> centers: array<f32>;
@group(0) @binding(5) var<storage, read> scale: array<f32>;
@group(0) @binding(6) var<storage, read_write> depth: array<f32>;
@group(0) @binding(7) var<storage, read_write> statistics: array<f32>;

override CHANNELS: u32 = 0u; // 0: read at run time
override BINS: u32 = 0u; // 0: read at run time
override PLANE: u32 = 0u; // 0: read at run time
override PIXELS_PER_CENTER: u32 = 0u; // 0: read at run time
override HAS_BIAS: bool = false;
override HAS_SCALE: bool = false;
override WG: u32 = 64u; // invocations per workgroup
const TP: u32 = 4u; // tune: 1 2 4
const TK: u32 = 4u; // tune: 2 4 8

// <lib is_finite>
/// Whether x is neither infinite nor NaN, by its exponent's bits: WGSL may assume that comparisons
/// never see either.
fn is_finite(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}
// </lib>

// <lib not_a_number>
/// NaN, for any x: made from bits at run time, since WGSL refuses it as a constant and may fold
/// the arithmetic that gives it.
fn not_a_number(x: f32) -> f32 {
    return bitcast<f32>(bitcast<u32>(x) | 0x7fc00000u);
}
// </lib>

// <lib settled_softmax>
/// (maximum, sum) of a row of logits as IEEE 754 has them: NaN both where a logit was or none is
/// above minus infinity; the sum NaN where the maximum is infinite.
fn settled(maximum: f32, sum: f32) -> vec2f {
    let finite = is_finite(maximum);
    let nothing = !is_finite(sum) || sum == 0.0;
    let nan = not_a_number(sum);
    return vec2f(select(maximum, nan, nothing && finite), select(sum, nan, nothing || !finite));
}
// </lib>

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

// <lib head_logits>
/// Logits of TP pixels at TK bins.
struct Tile { z: array<array<f32, TK>, TP> }

/// Logits of the pixels and bins whose rows of features and weights start there.
fn logits_at(x: array<u32, TP>, w: array<u32, TK>, channels: u32) -> Tile {
    var tile: Tile;
    for (var c = 0u; c < channels; c++) {
        var xs: array<f32, TP>;
        for (var i = 0u; i < TP; i++) {
            xs[i] = features[x[i] + c];
        }
        for (var j = 0u; j < TK; j++) {
            let value = weight[w[j] + c];
            for (var i = 0u; i < TP; i++) {
                tile.z[i][j] += xs[i] * value;
            }
        }
    }
    return tile;
}
// </lib>

/// Adds one bin to (maximum, sum, weighted sum) with one exponential.
fn with_bin(state: vec3f, z: f32, center: f32) -> vec3f {
    let e = exp(-abs(z - state.x));
    let added = state.yz + e * vec2f(1.0, center);
    let higher = vec3f(z, state.yz * e + vec2f(1.0, center));
    return select(vec3f(state.x, added), higher, z > state.x);
}

@compute @workgroup_size(WG)
fn bin_head(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let first = ((group.x + group.y * groups.x) * WG + lane) * TP;
    if (first >= params.rows) {
        return;
    }
    let bins = fixed_or(BINS, params.bins);
    let channels = fixed_or(CHANNELS, params.channels);
    let shared_pixels = fixed_or(PIXELS_PER_CENTER, params.pixels_per_center);
    var x: array<u32, TP>;
    var state: array<vec3f, TP>;
    for (var i = 0u; i < TP; i++) {
        // past the last pixel: computed, never stored
        x[i] = min(first + i, params.rows - 1u);
        state[i] = vec3f(-1e38, 0.0, 0.0); // below every logit
    }
    var starts: array<u32, TP>;
    for (var i = 0u; i < TP; i++) {
        starts[i] = x[i] / shared_pixels * bins;
        x[i] *= channels;
    }
    for (var k = 0u; k < bins; k += TK) {
        var w: array<u32, TK>;
        for (var j = 0u; j < TK; j++) {
            w[j] = min(k + j, bins - 1u) * channels;
        }
        let tile = logits_at(x, w, channels);
        for (var j = 0u; j < TK && k + j < bins; j++) {
            var offset = 0.0;
            if (HAS_BIAS) {
                offset = bias[k + j];
            }
            for (var i = 0u; i < TP; i++) {
                state[i] = with_bin(state[i], tile.z[i][j] + offset, centers[starts[i] + k + j]);
            }
        }
    }
    for (var i = 0u; i < TP && first + i < params.rows; i++) {
        let row = first + i;
        var unit = 1.0;
        if (HAS_SCALE) {
            unit = scale[row / fixed_or(PLANE, params.plane)];
        }
        let row_state = settled(state[i].x, state[i].y);
        depth[row] = state[i].z / row_state.y * unit;
        statistics[4u * row] = row_state.x;
        statistics[4u * row + 1u] = 1.0 / row_state.y;
        statistics[4u * row + 2u] = 0.0;
        statistics[4u * row + 3u] = 0.0;
    }
}
