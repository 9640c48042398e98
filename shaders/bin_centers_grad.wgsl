// bin_centers_grad — gradient of the cumulative centres with respect to the widths.
//
//   d_widths[r, k] = d_centers[r, k] / 2 + sum_{j > k} d_centers[r, j]
//
// Layout   d_centers, d_widths [..., K] f32, bins contiguous
// Mapping  one invocation per row, from the last bin to the first
// Memory   1 load + 1 store per bin
// Source   derivative of bin_centers
// Twin     src/kernels/depth_bins/bin_centers.ts

struct Params {
    rows: u32,
    bins: u32, // K
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> d_centers: array<f32>;
@group(0) @binding(2) var<storage, read_write> d_widths: array<f32>;

override WG: u32 = 64u; // invocations per workgroup

@compute @workgroup_size(WG)
fn bin_centers_grad(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let row = (group.x + group.y * groups.x) * WG + lane;
    if (row >= params.rows) {
        return;
    }
    var beyond = 0.0;
    for (var left = params.bins; left > 0u; left--) {
        let i = row * params.bins + left - 1u;
        d_widths[i] = 0.5 * d_centers[i] + beyond;
        beyond += d_centers[i];
    }
}
