// silog_finish — the scale-invariant log loss from the moments of slices.
//
//   loss = scale root,  root = sqrt(variance + (1 - lambda) mean^2 + 1e-8)
//   both 0 for fewer than two pixels
//
// Layout   partials [B, 3]: (count, mean, sum of squared deviations); loss, count [1];
//          statistics [4]: (count, mean, variance, root), the variance unbiased
// Mapping  one workgroup; each invocation merges every WG-th slice, then the first merges their
//          moments in order
// Memory   3 loads per slice
// Source   AdaBins, Bhat et al. 2021 (arXiv:2011.14141) eq. 4; moments merged by Chan, Golub and
//          LeVeque 1979
// Twin     src/kernels/silog.ts

struct Params {
    slabs: u32,       // B
    mean_weight: f32, // 1 - lambda
    scale: f32,       // alpha of the paper
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partials: array<f32>;
@group(0) @binding(2) var<storage, read_write> loss: array<f32>;
@group(0) @binding(3) var<storage, read_write> count: array<f32>;
@group(0) @binding(4) var<storage, read_write> statistics: array<f32>;

const WG: u32 = 64u; // part of the order of the sum, so no override
const ROOT_EPSILON: f32 = 1e-8; // host: part of the loss, keeps the slope at zero finite

var<workgroup> wg_moments: array<vec3f, WG>; // 1 KiB: moments of each invocation's slices

// <lib is_nan>
/// Whether x is NaN, by its bits: WGSL may assume that comparisons never see one.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
// </lib>

// <lib merge_moments>
/// Moments (count, mean, sum of squared deviations) of two sets together.
fn merge_moments(a: vec3f, b: vec3f) -> vec3f {
    let count = a.x + b.x;
    let share = b.x / select(count, 1.0, count == 0.0); // 0 if both are empty
    let apart = b.y - a.y;
    return vec3f(count, a.y + apart * share, a.z + b.z + apart * apart * a.x * share);
}
// </lib>

@compute @workgroup_size(WG)
fn silog_finish(@builtin(local_invocation_index) lane: u32) {
    var moments = vec3f(0.0);
    for (var slab = lane; slab < params.slabs; slab += WG) {
        let at = 3u * slab;
        moments = merge_moments(moments, vec3f(partials[at], partials[at + 1u], partials[at + 2u]));
    }
    wg_moments[lane] = moments;
    // the first invocation merges the moments of all invocations
    workgroupBarrier();
    if (lane == 0u) {
        for (var other = 1u; other < WG; other++) {
            moments = merge_moments(moments, wg_moments[other]);
        }
        let enough = moments.x >= 2.0 || is_nan(moments.x);
        let variance = select(0.0, moments.z / (moments.x - 1.0), enough);
        let argument = variance + params.mean_weight * moments.y * moments.y + ROOT_EPSILON;
        let root = select(0.0, sqrt(argument), enough);
        loss[0] = params.scale * root;
        count[0] = moments.x;
        statistics[0] = moments.x;
        statistics[1] = moments.y;
        statistics[2] = variance;
        statistics[3] = root;
    }
}
