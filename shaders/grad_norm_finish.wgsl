// grad_norm_finish — norm of the gradients, its clip factor, and whether all were finite.
//
//   norm = (|g|, min(1, max_norm / |g|), 1 if all finite else 0, 0);  (0, 0, 0, 0) if not
//
// Layout   partials [B, 2]: (length, count of non-finite numbers); norm [4]
// Mapping  one workgroup; each invocation adds every WG-th slice, then the first adds their sums in
//          order
// Memory   2 loads per slice
// Source   Pascanu et al. 2013 (arXiv:1211.5063) algorithm 1
// Twin     src/kernels/grad_norm.ts

struct Params {
    slabs: u32,    // B
    max_norm: f32, // 0: no clipping
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partials: array<f32>;
@group(0) @binding(2) var<storage, read_write> norm: array<f32>;

const WG: u32 = 64u; // part of the order of the sum, so no override

// 1 KiB: (large, usual, small squares, others) of each invocation
var<workgroup> wg_sum: array<vec4f, WG>;

// <lib is_nan>
/// Whether x is NaN, by its bits: WGSL may assume that comparisons never see one.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
// </lib>

// <lib is_finite>
/// Whether x is neither infinite nor NaN, by its exponent's bits: WGSL may assume that comparisons
/// never see either.
fn is_finite(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}
// </lib>

// <lib sized_squares>
/// The square of v among (large, usual, small) ones: large ones count in units of 2^80, small ones
/// of 2^-90, so that none overflows or vanishes (Blue 1978).
fn sized_square(v: f32) -> vec3f {
    let a = abs(v);
    let large = a > 0x1p50;
    let small = a < 0x1p-50;
    let unit = select(select(1.0, 0x1p90, small), 0x1p-80, large);
    let square = (v * unit) * (v * unit);
    return select(select(vec3f(0.0, square, 0.0), vec3f(0.0, 0.0, square), small),
        vec3f(square, 0.0, 0.0), large);
}

/// The root of the sum of such squares; NaN where one is.
fn sized_length(sums: vec3f) -> f32 {
    if (sums.x > 0.0 || is_nan(sums.x)) {
        let usual = sqrt(sums.y) * 0x1p-80;
        return sqrt(sums.x + usual * usual) * 0x1p80;
    }
    let small = sqrt(sums.z) * 0x1p-90;
    if (sums.y > 0.0 || is_nan(sums.y)) {
        return sqrt(sums.y + small * small);
    }
    return small;
}
// </lib>

@compute @workgroup_size(WG)
fn grad_norm_finish(@builtin(local_invocation_index) lane: u32) {
    var sum = vec4f(0.0);
    for (var slab = lane; slab < params.slabs; slab += WG) {
        sum += vec4f(sized_square(partials[2u * slab]), partials[2u * slab + 1u]);
    }
    wg_sum[lane] = sum;
    // the first invocation adds up the sums of all invocations
    workgroupBarrier();
    if (lane == 0u) {
        for (var other = 1u; other < WG; other++) {
            sum += wg_sum[other];
        }
        // a length that overflows is as bad as a gradient that did
        let whole = sized_length(sum.xyz);
        let all_finite = sum.w == 0.0 && is_finite(sum.w) && is_finite(whole);
        let length = select(0.0, whole, all_finite);
        let clips = params.max_norm > 0.0 && length > params.max_norm;
        let factor = select(1.0, params.max_norm / length, clips);
        norm[0] = length;
        norm[1] = select(0.0, factor, all_finite);
        norm[2] = select(0.0, 1.0, all_finite);
        norm[3] = 0.0;
    }
}
