// masked_pool_vec4 — masked_pool.wgsl with loads and stores of four features.
//
//   tokens[v, l, e] = sum_r mask[v, r] x[v, r, e] / weight[v, l],  r in cell l
//   weight[v, l] = sum_r mask[v, r]; tokens are 0 where it is 0
//
// Layout   x [V, H, W, E], E a multiple of 4; mask [V, H, W, 1]; tokens [V, h w, E]; weight [V, h w]
// Mapping  one invocation per four features of a token, features fastest: neighbours load neighbours
// Memory   1 load of 16 bytes per four elements of x and 1 of the mask; bound by bandwidth
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
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> mask: array<f32>;
@group(0) @binding(3) var<storage, read_write> tokens: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> weight: array<f32>;

override WG: u32 = 64u; // invocations per workgroup

// <lib is_nan>
/// Whether x is NaN, by its bits: WGSL may assume that comparisons never see one.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
// </lib>

@compute @workgroup_size(WG)
fn masked_pool_vec4(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let at = (group.x + group.y * groups.x) * WG + lane;
    if (at >= params.n / 4u) {
        return;
    }
    let quads = params.features / 4u;
    let token = at / quads;
    let q = at - token * quads;
    let line = token / params.grid_w;
    let j = token - line * params.grid_w;
    let view = line / params.grid_h;
    let i = line - view * params.grid_h;
    let bottom = ((i + 1u) * params.height + params.grid_h - 1u) / params.grid_h;
    let right = ((j + 1u) * params.width + params.grid_w - 1u) / params.grid_w;
    let left = j * params.width / params.grid_w;
    var sum = vec4f();
    var total = 0.0;
    for (var row = i * params.height / params.grid_h; row < bottom; row++) {
        for (var col = left; col < right; col++) {
            let pixel = (view * params.height + row) * params.width + col;
            let weighs = mask[pixel];
            sum += weighs * x[pixel * quads + q];
            total += weighs;
        }
    }
    tokens[at] = select(vec4f(), sum / total, total > 0.0 || is_nan(total));
    if (q == 0u) {
        weight[token] = total;
    }
}
