// depth_error_threshold — the threshold of the reverse Huber loss from the peaks of slices.
//
//   threshold = 0.2 max_b peaks[b]
//
// Layout   peaks [B], none below 0; threshold [1]
// Mapping  one workgroup; each invocation takes every WG-th slice, then the first takes the largest
// Memory   1 load per slice
// Source   Laina et al. 2016 (arXiv:1606.00373) section 3.2
// Twin     src/kernels/depth_error.ts

struct Params {
    slabs: u32, // B
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> peaks: array<f32>;
@group(0) @binding(2) var<storage, read_write> threshold: array<f32>;

const WG: u32 = 64u; // invocations per workgroup
const SHARE: f32 = 0.2; // of the definition: the threshold by the largest error

var<workgroup> wg_peak: array<f32, WG>; // 256 B: the largest error of each invocation's slices

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
fn depth_error_threshold(@builtin(local_invocation_index) lane: u32) {
    var peak = 0.0;
    for (var slab = lane; slab < params.slabs; slab += WG) {
        peak = max_or_nan(peak, peaks[slab]);
    }
    wg_peak[lane] = peak;
    // the first invocation takes the largest error of all invocations
    workgroupBarrier();
    if (lane == 0u) {
        for (var other = 1u; other < WG; other++) {
            peak = max_or_nan(peak, wg_peak[other]);
        }
        threshold[0] = SHARE * peak;
    }
}
