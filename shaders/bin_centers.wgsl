// bin_centers — ascending bin centres as the mid-points of cumulative widths.
//
//   centers[r, k] = first_edge + sum_{j < k} widths[r, j] + widths[r, k] / 2
//
// Layout   widths, centers [..., K] f32, bins contiguous, in units of the largest depth
// Mapping  one invocation per row: rows are few (images, or pixels of the coarsest feature)
// Memory   1 load + 1 store per bin
// Source   AdaBins, Bhat et al. 2021 (arXiv:2011.14141) eq. 2, without the normalisation
// Twin     src/kernels/depth_bins/bin_centers.ts

struct Params {
    rows: u32,
    bins: u32,       // K
    first_edge: f32, // left edge of the first bin
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> widths: array<f32>;
@group(0) @binding(2) var<storage, read_write> centers: array<f32>;

override WG: u32 = 64u; // invocations per workgroup

@compute @workgroup_size(WG)
fn bin_centers(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let row = (group.x + group.y * groups.x) * WG + lane;
    if (row >= params.rows) {
        return;
    }
    var edge = params.first_edge;
    for (var i = row * params.bins; i < (row + 1u) * params.bins; i++) {
        centers[i] = edge + 0.5 * widths[i];
        edge += widths[i];
    }
}
