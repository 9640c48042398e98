// masked_mean_finish — mean from the sums and counts of slices.
//
//   mean = sum_b partials[b, 0] / count,  count = sum_b partials[b, 1];  mean = 0 where count = 0
//
// Layout   partials [B, 2]; mean, count [1]
// Mapping  one workgroup; each invocation adds every WG-th slice, then the first adds their sums in
//          order
// Memory   2 loads per slice
// Source   elementary
// Twin     src/kernels/masked_mean.ts

struct Params {
    slabs: u32, // B
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partials: array<f32>;
@group(0) @binding(2) var<storage, read_write> mean: array<f32>;
@group(0) @binding(3) var<storage, read_write> count: array<f32>;

const WG: u32 = 64u; // part of the order of the sum, so no override

var<workgroup> wg_sum: array<vec2f, WG>; // 512 B: (sum, count) of each invocation

// <lib is_nan>
/// Whether x is NaN, by its bits: WGSL may assume that comparisons never see one.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
// </lib>

// <lib max_or_nan>
/// The larger of a and b; NaN where either is, which WGSL's `max` may lose.
fn max_or_nan(a: f32, b: f32) -> f32 {
    return select(select(max(a, b), b, is_nan(b)), a, is_nan(a));
}
// </lib>

@compute @workgroup_size(WG)
fn masked_mean_finish(@builtin(local_invocation_index) lane: u32) {
    var sum = vec2f(0.0);
    for (var slab = lane; slab < params.slabs; slab += WG) {
        sum += vec2f(partials[2u * slab], partials[2u * slab + 1u]);
    }
    wg_sum[lane] = sum;
    // the first invocation adds up the sums of all invocations
    workgroupBarrier();
    if (lane == 0u) {
        for (var other = 1u; other < WG; other++) {
            sum += wg_sum[other];
        }
        mean[0] = sum.x / max_or_nan(sum.y, 1.0);
        count[0] = sum.y;
    }
}
