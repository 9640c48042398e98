// masked_pool — adaptive average pooling to a grid of tokens, weighted by a mask.
//
//   tokens[v, l, e] = sum_r mask[v, r] x[v, r, e] / weight[v, l],  pixels r of cell l
//   weight[v, l] = sum_r mask[v, r]; tokens are 0 where it is 0
//   cell (i, j) covers rows floor(i H / h) to ceil((i + 1) H / h) - 1, columns alike
//
// Layout   x [V, H, W, E]; mask [V, H, W, 1]; tokens [V, h w, E], features contiguous; weight
//          [V, h w]
// Mapping  one invocation per element of tokens: neighbours in e load neighbours
// Memory   1 load per element of x + the mask from cache
// Source   elementary
// Twin     src/kernels/masked_pool.ts

struct Params {
    n: u32,        // elements of tokens
    height: u32,   // H
    width: u32,    // W
    features: u32, // E
    grid_h: u32,   // h
    grid_w: u32,   // w
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> mask: array<f32>;
@group(0) @binding(3) var<storage, read_write> tokens: array<f32>;
@group(0) @binding(4) var<storage, read_write> weight: array<f32>;

override WG: u32 = 64u; // invocations per workgroup

// <lib is_nan>
/// Whether x is NaN, by its bits: WGSL may assume that comparisons never see one.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
// </lib>

@compute @workgroup_size(WG)
fn masked_pool(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let at = (group.x + group.y * groups.x) * WG + lane;
    if (at >= params.n) {
        return;
    }
    let e = at % params.features;
    let token = at / params.features;
    let j = token % params.grid_w;
    let i = token / params.grid_w % params.grid_h;
    let view = token / params.grid_w / params.grid_h;
    let bottom = ((i + 1u) * params.height + params.grid_h - 1u) / params.grid_h;
    let right = ((j + 1u) * params.width + params.grid_w - 1u) / params.grid_w;
    var sum = 0.0;
    var total = 0.0;
    for (var row = i * params.height / params.grid_h; row < bottom; row++) {
        for (var col = j * params.width / params.grid_w; col < right; col++) {
            let pixel = (view * params.height + row) * params.width + col;
            sum += mask[pixel] * x[pixel * params.features + e];
            total += mask[pixel];
        }
    }
    tokens[at] = select(0.0, sum / total, total > 0.0 || is_nan(total));
    if (e == 0u) {
        weight[token] = total;
    }
}
