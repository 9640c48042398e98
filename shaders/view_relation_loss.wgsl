// view_relation_loss — squared difference of two relations, in slices.
//
//   partials[b] = (sum of (student[i] - teacher[i])^2, count), i in slice b
//
// Layout   student, teacher [pairs, L, L], n elements; partials [B, 2], slices of SLAB elements
// Mapping  one workgroup per slice; its invocations step through it together, so that loads
//          coalesce
// Memory   2 loads per element; bound by bandwidth
// Source   elementary; slices are a fixed number of elements, so that every adapter adds in the
//          same order
// Twin     src/kernels/relations/view_relation.ts

struct Params {
    n: u32, // elements
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> student: array<f32>;
@group(0) @binding(2) var<storage, read> teacher: array<f32>;
@group(0) @binding(3) var<storage, read_write> partials: array<f32>;

const WG: u32 = 64u; // with SLAB part of the result's bits, so no override
const SLAB: u32 = 1024u; // host: elements

var<workgroup> wg_sum: array<f32, WG>; // 256 B: sum of each invocation

@compute @workgroup_size(WG)
fn view_relation_loss(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let slab = group.x + group.y * groups.x;
    let first = slab * SLAB;
    let last = min(first + SLAB, params.n);
    var sum = 0.0;
    for (var i = first + lane; i < last; i += WG) {
        let apart = student[i] - teacher[i];
        sum += apart * apart;
    }
    wg_sum[lane] = sum;
    // the first invocation adds up the sums of all invocations
    workgroupBarrier();
    if (lane == 0u && first < max(params.n, 1u)) {
        for (var other = 1u; other < WG; other++) {
            sum += wg_sum[other];
        }
        partials[2u * slab] = sum;
        partials[2u * slab + 1u] = f32(last - first);
    }
}
