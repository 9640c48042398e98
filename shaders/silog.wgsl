// silog — moments of the log depth error, in slices; silog_finish makes the loss.
//
//   g_i = ln((depth_i + 1e-7) / (depth_m_i + 1e-7)) over i of slice b with valid_i > 0
//   partials[b] = (count, mean of g, sum of (g - mean)^2)
//
// Layout   depth, depth_m, valid [V, H, W, 1], n pixels, metres; partials [B, 3], slices of SLAB
//          pixels
// Mapping  one workgroup per slice; its invocations step through it together, so that loads
//          coalesce
// Memory   3 loads per pixel; bound by bandwidth
// Source   AdaBins, Bhat et al. 2021 (arXiv:2011.14141) eq. 4; moments merged by Chan, Golub and
//          LeVeque 1979
// Twin     src/kernels/silog.ts

struct Params {
    n: u32, // pixels
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> depth: array<f32>;
@group(0) @binding(2) var<storage, read> depth_m: array<f32>;
@group(0) @binding(3) var<storage, read> valid: array<f32>;
@group(0) @binding(4) var<storage, read_write> partials: array<f32>;

const WG: u32 = 64u; // with SLAB part of the result's bits, so no override
const SLAB: u32 = 1024u; // host: pixels
const EPSILON: f32 = 1e-7; // host: of the definition: keeps the logarithm of depth 0 finite

var<workgroup> wg_moments: array<vec3f, WG>; // 1 KiB: moments of each invocation's pixels

// <lib log_of>
/// ln v by IEEE 754: NaN of NaN and of v < 0, infinite at 0 and infinity, where WGSL leaves the
/// builtin open and drivers give numbers such as 89.
fn log_of(v: f32) -> f32 {
    let bits = bitcast<u32>(v);
    let at_zero = (bits << 1u) == 0u;
    let special = select(bits | 0x7fc00000u, bits | 0xff800000u, at_zero);
    let end = bitcast<f32>(select(special, bits, bits == 0x7f800000u));
    return select(end, log(v), bits - 1u < 0x7f7fffffu);
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
fn silog(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let slab = group.x + group.y * groups.x;
    let last = min((slab + 1u) * SLAB, params.n);
    var moments = vec3f(0.0);
    for (var i = slab * SLAB + lane; i < last; i += WG) {
        if (valid[i] > 0.0) {
            let g = log_of((depth[i] + EPSILON) / (depth_m[i] + EPSILON));
            moments = merge_moments(moments, vec3f(1.0, g, 0.0));
        }
    }
    wg_moments[lane] = moments;
    // the first invocation merges the moments of all invocations
    workgroupBarrier();
    if (lane == 0u && slab * SLAB < max(params.n, 1u)) {
        for (var other = 1u; other < WG; other++) {
            moments = merge_moments(moments, wg_moments[other]);
        }
        partials[3u * slab] = moments.x;
        partials[3u * slab + 1u] = moments.y;
        partials[3u * slab + 2u] = moments.z;
    }
}
