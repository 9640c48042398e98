// grad_norm — squares and non-finite numbers of a flat arena, by slabs.
//
//   partials[b] = (sum of g[i]^2 over finite g[i], count of the others), i in slab b
//
// Layout   gradients [n]; partials [B, 2], slabs of SLAB elements
// Mapping  a workgroup per slab; its invocations step through it together, so that loads coalesce
// Memory   1 load per element; bound by bandwidth
// Source   elementary; slabs are a fixed number of elements, so that every adapter adds in the same
//          order
// Twin     src/kernels/grad_norm.ts

struct Params {
    n: u32, // elements
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gradients: array<f32>;
@group(0) @binding(2) var<storage, read_write> partials: array<f32>;

const WG: u32 = 64u; // with SLAB part of the result's bits, so no override
const SLAB: u32 = 4096u; // elements, as in the twin

var<workgroup> wg_sum: array<vec2f, WG>; // 512 B: (squares, others) of each invocation

// <lib is_finite>
/// Whether x is neither infinite nor NaN, by its exponent's bits: WGSL may assume that comparisons
/// never see either.
fn is_finite(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}
// </lib>

@compute @workgroup_size(WG)
fn grad_norm(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let slab = group.x + group.y * groups.x;
    let last = min((slab + 1u) * SLAB, params.n);
    var sum = vec2f(0.0);
    for (var i = slab * SLAB + lane; i < last; i += WG) {
        let g = gradients[i];
        sum += select(vec2f(0.0, 1.0), vec2f(g * g, 0.0), is_finite(g));
    }
    wg_sum[lane] = sum;
    // the first invocation adds up what all have stored
    workgroupBarrier();
    if (lane == 0u && slab * SLAB < max(params.n, 1u)) {
        for (var other = 1u; other < WG; other++) {
            sum += wg_sum[other];
        }
        partials[2u * slab] = sum.x;
        partials[2u * slab + 1u] = sum.y;
    }
}
