// masked_mean — sums of the elements that a mask keeps, in slices.
//
//   partials[b] = (sum of x[i], count) over i of slice b with mask[i] > 0
//
// Layout   x, mask: any shape, n elements f32; partials [B, 2], slices of SLAB elements
// Mapping  one workgroup per slice; its invocations step through it together, so that loads
//          coalesce
// Memory   2 loads per element; bound by bandwidth
// Source   elementary; slices are a fixed number of elements, so that every adapter adds in the
//          same order
// Twin     src/kernels/masked_mean.ts

struct Params {
    n: u32, // elements
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> mask: array<f32>;
@group(0) @binding(3) var<storage, read_write> partials: array<f32>;

const WG: u32 = 64u; // with SLAB part of the result's bits, so no override
const SLAB: u32 = 1024u; // host: elements

var<workgroup> wg_sum: array<vec2f, WG>; // 512 B: (sum, count) of each invocation

@compute @workgroup_size(WG)
fn masked_mean(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let slab = group.x + group.y * groups.x;
    let last = min((slab + 1u) * SLAB, params.n);
    var sum = vec2f(0.0);
    for (var i = slab * SLAB + lane; i < last; i += WG) {
        // selected, not multiplied: x may be anything where the mask is 0
        sum += select(vec2f(0.0), vec2f(x[i], 1.0), mask[i] > 0.0);
    }
    wg_sum[lane] = sum;
    // the first invocation adds up the sums of all invocations
    workgroupBarrier();
    if (lane == 0u && slab * SLAB < max(params.n, 1u)) {
        for (var other = 1u; other < WG; other++) {
            sum += wg_sum[other];
        }
        partials[2u * slab] = sum.x;
        partials[2u * slab + 1u] = sum.y;
    }
}
