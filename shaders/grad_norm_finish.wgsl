// grad_norm_finish — norm of the gradients, its clip factor, and whether all were finite.
//
//   norm = (|g|, min(1, max_norm / |g|), 1 if all finite else 0, 0);  (0, 0, 0, 0) if not
//
// Layout   partials [B, 2]: (sum of squares, count of non-finite numbers); norm [4]
// Mapping  one workgroup; each invocation adds every WG-th slab, the first one adds their sums in
//          order
// Memory   2 loads per slab
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

var<workgroup> wg_sum: array<vec2f, WG>; // 512 B: (squares, others) of each invocation

// <lib is_finite>
/// Whether x is neither infinite nor NaN, by its exponent's bits: WGSL may assume that comparisons
/// never see either.
fn is_finite(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}
// </lib>

@compute @workgroup_size(WG)
fn grad_norm_finish(@builtin(local_invocation_index) lane: u32) {
    var sum = vec2f(0.0);
    for (var slab = lane; slab < params.slabs; slab += WG) {
        sum += vec2f(partials[2u * slab], partials[2u * slab + 1u]);
    }
    wg_sum[lane] = sum;
    // the first invocation adds up what all have stored
    workgroupBarrier();
    if (lane == 0u) {
        for (var other = 1u; other < WG; other++) {
            sum += wg_sum[other];
        }
        // a sum that overflows is as bad as a gradient that did
        let all_finite = sum.y == 0.0 && is_finite(sum.x);
        let length = sqrt(select(0.0, sum.x, all_finite));
        let clips = params.max_norm > 0.0 && length > params.max_norm;
        let factor = select(1.0, params.max_norm / max(length, 1e-30), clips);
        norm[0] = length;
        norm[1] = select(0.0, factor, all_finite);
        norm[2] = select(0.0, 1.0, all_finite);
        norm[3] = 0.0;
    }
}
