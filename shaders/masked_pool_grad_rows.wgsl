// masked_pool_grad_rows — masked_pool_grad.wgsl with one invocation per pixel, four features per store.
//
//   d_x[v, r, e] = mask[v, r] sum_l d_tokens[v, l, e] / weight[v, l]
//   cells l that r lies in, with weight > 0
//
// Layout   mask [V, H, W, 1]; weight [V, h w]; d_tokens [V, h w, E]; d_x [V, H, W, E], features
//          contiguous, E a multiple of 4
// Mapping  one invocation per pixel, which finds its cells once for all features; for adapters that
//          do not need coalesced stores
// Memory   1 load of 16 bytes per cell + 1 store per four elements; cells overlap only where the
//          sizes do not divide
// Source   derivative of masked_pool
// Twin     src/kernels/masked_pool.ts

struct Params {
    pixels: u32,   // of all views
    height: u32,   // H
    width: u32,    // W
    features: u32, // E
    grid_h: u32,   // h
    grid_w: u32,   // w
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> mask: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> d_tokens: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> d_x: array<vec4f>;

override WG: u32 = 64u; // invocations per workgroup

// <lib is_nan>
/// Whether x is NaN, by its bits: WGSL may assume that comparisons never see one.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
// </lib>

@compute @workgroup_size(WG)
fn masked_pool_grad_rows(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let pixel = (group.x + group.y * groups.x) * WG + lane;
    if (pixel >= params.pixels) {
        return;
    }
    // remainders as differences: a processor divides whole numbers lane by lane
    let line = pixel / params.width;
    let col = pixel - line * params.width;
    let view = line / params.height;
    let row = line - view * params.height;
    let first_token = view * params.grid_h * params.grid_w;
    // cell i covers the row when floor(i H / h) <= row < ceil((i + 1) H / h)
    let first_i = row * params.grid_h / params.height;
    let first_j = col * params.grid_w / params.width;
    let last_i = ((row + 1u) * params.grid_h + params.height - 1u) / params.height;
    let last_j = ((col + 1u) * params.grid_w + params.width - 1u) / params.width;
    let quads = params.features / 4u;
    let own = mask[pixel];
    for (var q = 0u; q < quads; q++) {
        var sum = vec4f();
        for (var i = first_i; i < last_i; i++) {
            for (var j = first_j; j < last_j; j++) {
                let token = first_token + i * params.grid_w + j;
                let total = weight[token];
                let d = d_tokens[token * quads + q] / total;
                sum += select(vec4f(), d, total > 0.0 || is_nan(total));
            }
        }
        d_x[pixel * quads + q] = own * sum;
    }
}
