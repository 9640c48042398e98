// grad_norm — length and count of non-finite numbers of a flat arena, in slices.
//
//   partials[b] = (sqrt(sum of g[i]^2 over finite g[i]), count of the others), i in slice b
//
// Layout   gradients [n]; partials [B, 2], slices of SLAB elements
// Mapping  one workgroup per slice; its invocations step through it together, so that loads
//          coalesce
// Memory   1 load per element; bound by bandwidth
// Source   elementary; slices are a fixed number of elements, so that every adapter adds in the
//          same order; squares of any size: Blue, A portable Fortran program to find the Euclidean
//          norm of a vector, 1978
// Twin     src/kernels/grad_norm.ts

struct Params {
    n: u32, // elements
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gradients: array<f32>;
@group(0) @binding(2) var<storage, read_write> partials: array<f32>;

const WG: u32 = 64u; // with SLAB part of the result's bits, so no override
const SLAB: u32 = 4096u; // host: elements

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
fn grad_norm(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let slab = group.x + group.y * groups.x;
    let last = min((slab + 1u) * SLAB, params.n);
    var sum = vec4f(0.0);
    for (var i = slab * SLAB + lane; i < last; i += WG) {
        let g = gradients[i];
        sum += select(vec4f(0.0, 0.0, 0.0, 1.0), vec4f(sized_square(g), 0.0), is_finite(g));
    }
    wg_sum[lane] = sum;
    // the first invocation adds up the sums of all invocations
    workgroupBarrier();
    if (lane == 0u && slab * SLAB < max(params.n, 1u)) {
        for (var other = 1u; other < WG; other++) {
            sum += wg_sum[other];
        }
        partials[2u * slab] = sized_length(sum.xyz);
        partials[2u * slab + 1u] = sum.w;
    }
}
