// depth_error_peak — the largest depth error of each slice.
//
//   peaks[b] = max |depth_i - depth_m_i| over i of slice b with valid_i > 0, 0 of no such pixel
//
// Layout   depth, depth_m, valid [V, H, W, 1], n pixels, metres; peaks [B], slices of SLAB pixels
// Mapping  one workgroup per slice; its invocations step through it together, so that loads
//          coalesce
// Memory   3 loads per pixel; bound by bandwidth
// Source   Laina et al. 2016 (arXiv:1606.00373) section 3.2
// Twin     src/kernels/depth_error.ts

struct Params {
    n: u32, // pixels
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> depth: array<f32>;
@group(0) @binding(2) var<storage, read> depth_m: array<f32>;
@group(0) @binding(3) var<storage, read> valid: array<f32>;
@group(0) @binding(4) var<storage, read_write> peaks: array<f32>;

const WG: u32 = 64u; // invocations per workgroup
const SLAB: u32 = 1024u; // host: pixels

var<workgroup> wg_peak: array<f32, WG>; // 256 B: the largest error of each invocation's pixels

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
fn depth_error_peak(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let slab = group.x + group.y * groups.x;
    let last = min((slab + 1u) * SLAB, params.n);
    var peak = 0.0;
    for (var i = slab * SLAB + lane; i < last; i += WG) {
        if (valid[i] > 0.0) {
            peak = max_or_nan(peak, abs(depth[i] - depth_m[i]));
        }
    }
    wg_peak[lane] = peak;
    // the first invocation takes the largest error of all invocations
    workgroupBarrier();
    if (lane == 0u && slab * SLAB < max(params.n, 1u)) {
        for (var other = 1u; other < WG; other++) {
            peak = max_or_nan(peak, wg_peak[other]);
        }
        peaks[slab] = peak;
    }
}
