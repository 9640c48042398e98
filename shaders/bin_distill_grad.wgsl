// bin_distill_grad — gradients of a distilled decode for logits and centres in one sweep.
//
//   d_z[r, k] = p_k (a centers[s, k] - e) + g (p_k - q_k),  d_centers[r, k] = a p_k + b q_k
//   with STOPPED the depth's part of d_z, p_k (a c - e), is 0
//   partials[s, b, k] = sum of d_centers over the pixels of slice b of group s
//
// Layout   student, d_student [V, H, W, K]; teacher [V, H, W, 1] or [V, H, W, K]; centers [V, H, W,
//          K], [V, 1, 1, K] or [1, 1, 1, K]; factors [V, H, W, 8] = (max^S, 1 / sum^S, max^T, 1 /
//          sum^T, a, b, g, e) from bin_distill_factors; partials [S, B, K]: S sets of centres, B
//          slices of SLAB pixels each, or d_centers [V, H, W, K] where no pixels share one
// Mapping  one invocation per slice and TK bins
// Memory   2 loads + 1 or 2 stores per bin, 9 loads per pixel and TK bins; bound by bandwidth
// Source   derivative of bin_distill; slices are a fixed number of pixels, so that every adapter
//          adds in the same order
// Twin     src/kernels/depth_bins/bin_distill_grad.ts

struct Params {
    n: u32,                 // invocations
    bins: u32,              // K
    tiles: u32,             // runs of bins, K / TK rounded up
    slabs: u32,             // B
    pixels_per_center: u32, // pixels of a group
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> student: array<f32>;
@group(0) @binding(2) var<storage, read> teacher: array<f32>;
@group(0) @binding(3) var<storage, read> centers: array<f32>;
@group(0) @binding(4) var<storage, read> factors: array<f32>;
@group(0) @binding(5) var<storage, read_write> d_student: array<f32>;
@group(0) @binding(6) var<storage, read_write> d_centers: array<f32>;

override BINS: u32 = 0u; // 0: read at run time
override TILES: u32 = 0u; // 0: read at run time
override TEACHER: u32 = 1u; // RELATIVE or LOGITS
override SHARED: bool = true; // pixels of a group share one set of centres
override STOPPED: bool = false; // depth gives no gradient to logits
override WG: u32 = 64u; // invocations per workgroup
const TK: u32 = 4u; // host: bins of an invocation
const SLAB: u32 = 64u; // host: pixels; part of the result's bits
const RELATIVE: u32 = 1u;
const LOGITS: u32 = 2u;

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

// <lib teacher_logit>
/// Logit k of a teacher: given (`index` is its place), or of a Gaussian one bin wide around `at`.
fn teacher_logit(index: u32, at: f32, k: f32) -> f32 {
    if (TEACHER == LOGITS) {
        return teacher[index];
    }
    return -0.5 * (at - k) * (at - k);
}
// </lib>

@compute @workgroup_size(WG)
fn bin_distill_grad(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (group.x + group.y * groups.x) * WG + lane;
    if (i >= params.n) {
        return;
    }
    let bins = fixed_or(BINS, params.bins);
    let tiles = fixed_or(TILES, params.tiles);
    // bins first, first + tiles, …: neighbours in k load neighbours
    let first = i % tiles;
    let slab = i / tiles % params.slabs;
    let shared_row = i / tiles / params.slabs;
    let start = shared_row * params.pixels_per_center + slab * SLAB;
    let end = min(start + SLAB, (shared_row + 1u) * params.pixels_per_center);
    var center: array<f32, TK>;
    for (var j = 0u; SHARED && j < TK; j++) {
        center[j] = centers[shared_row * bins + min(first + j * tiles, bins - 1u)];
    }
    var sums: array<f32, TK>;
    for (var row = start; row < end; row++) {
        let f = 8u * row;
        let student_state = vec2f(factors[f], factors[f + 1u]);
        let teacher_state = vec2f(factors[f + 2u], factors[f + 3u]);
        let by = vec4f(factors[f + 4u], factors[f + 5u], factors[f + 6u], factors[f + 7u]);
        var at = 0.0;
        if (TEACHER == RELATIVE) {
            at = teacher[row] * f32(bins) - 0.5;
        }
        for (var j = 0u; j < TK && first + j * tiles < bins; j++) {
            let k = first + j * tiles;
            let index = row * bins + k;
            let p = exp(student[index] - student_state.x) * student_state.y;
            let q = exp(teacher_logit(index, at, f32(k)) - teacher_state.x) * teacher_state.y;
            if (!SHARED) {
                center[j] = centers[index];
                d_centers[index] = by.x * p + by.y * q;
            }
            let pull = select(by.x * center[j] - by.w, 0.0, STOPPED);
            d_student[index] = p * pull + by.z * (p - q);
            sums[j] += by.x * p + by.y * q;
        }
    }
    for (var j = 0u; SHARED && j < TK && first + j * tiles < bins; j++) {
        d_centers[(i / tiles) * bins + first + j * tiles] = sums[j];
    }
}
