// bin_decode_grad_logits_vec4 — bin_decode_grad_logits.wgsl with loads and stores of four bins.
//
//   d_logits[r, k] = d_depth[r] p_k (scale[v] centers[s, k] - depth[r])
//   p_k = exp(logits[r, k] - m_r) / sum_r
//
// Layout   as in bin_decode_grad_logits.wgsl; K a multiple of four
// Mapping  an invocation steps through ROWS pixels that share their centres, FOURS vectors of each:
//          it loads its centres once, and the numbers of a pixel once for all its vectors;
//          neighbours load neighbours
// Memory   1 load + 1 store of 16 bytes per four bins; 3 loads per pixel and invocation
// Source   elementary
// Twin     src/kernels/depth_bins/bin_decode.ts

struct Params {
    rows: u32,              // pixels of all views
    bins: u32,              // K
    plane: u32,             // pixels of a view
    pixels_per_center: u32, // pixels that share one set of centres
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<vec4f>;
@group(0) @binding(2) var<storage, read> centers: array<vec4f>;
@group(0) @binding(3) var<storage, read> scale: array<f32>;
@group(0) @binding(4) var<storage, read> statistics: array<vec2f>;
@group(0) @binding(5) var<storage, read> depth: array<f32>;
@group(0) @binding(6) var<storage, read> d_depth: array<f32>;
@group(0) @binding(7) var<storage, read_write> d_logits: array<vec4f>;

override BINS: u32 = 0u; // 0: read at run time
override PLANE: u32 = 0u; // 0: read at run time
override PIXELS_PER_CENTER: u32 = 0u; // 0: read at run time
override HAS_SCALE: bool = false;
override WG: u32 = 64u; // invocations per workgroup
const ROWS: u32 = 16u; // tune: 4 16
const FOURS: u32 = 4u; // tune: 1 2 4

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

@compute @workgroup_size(WG)
fn bin_decode_grad_logits_vec4(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let index = (group.x + group.y * groups.x) * WG + local.x;
    let fours = fixed_or(BINS, params.bins) / 4u;
    let parts = (fours + FOURS - 1u) / FOURS;
    let sharing = fixed_or(PIXELS_PER_CENTER, params.pixels_per_center);
    let blocks = (sharing + ROWS - 1u) / ROWS;
    let block = index / parts;
    let part = index - block * parts;
    let center_row = block / blocks;
    let first = center_row * sharing + (block - center_row * blocks) * ROWS;
    if (first >= params.rows) {
        return;
    }
    let last = min(first + ROWS, (center_row + 1u) * sharing);
    // indexed by constants only, so that it stays in registers
    var own = array<vec4f, FOURS>();
    for (var q = 0u; q < FOURS; q++) {
        own[q] = centers[center_row * fours + min(part + q * parts, fours - 1u)];
    }
    for (var row = first; row < last; row++) {
        let saved = statistics[row];
        let weight = d_depth[row] * saved.y;
        let mean = depth[row];
        var unit = 1.0;
        if (HAS_SCALE) {
            unit = scale[row / fixed_or(PLANE, params.plane)];
        }
        for (var q = 0u; q < FOURS; q++) {
            let four = part + q * parts;
            if (four < fours) {
                let at = row * fours + four;
                d_logits[at] = weight * exp(logits[at] - saved.x) * (unit * own[q] - mean);
            }
        }
    }
}
