// masked_pool_grad — gradient of the masked pooling by its input, gathered from the cells that a pixel lies in.
//
//   d_x[v, r, e] = mask[v, r] sum_l d_tokens[v, l, e] / weight[v, l], l with r in cell l and weight > 0
//
// Layout   mask [V, H, W, 1]; weight [V, h w]; d_tokens [V, h w, E]; d_x [V, H, W, E], features contiguous
// Mapping  one invocation per element of d_x: neighbours in e load neighbours
// Memory   1 load per cell + 1 store per element; cells overlap only where sides do not divide
// Source   derivative of masked_pool
// Twin     src/kernels/masked_pool.ts

struct Params {
    n: u32,        // elements of d_x
    height: u32,   // H
    width: u32,    // W
    features: u32, // E
    grid_h: u32,   // h
    grid_w: u32,   // w
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> mask: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> d_tokens: array<f32>;
@group(0) @binding(4) var<storage, read_write> d_x: array<f32>;

override WG: u32 = 256u; // invocations per workgroup

@compute @workgroup_size(WG)
fn masked_pool_grad(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = (group.x + group.y * groups.x) * WG + lane;
    if (at >= params.n) {
        return;
    }
    let e = at % params.features;
    let pixel = at / params.features;
    let col = pixel % params.width;
    let row = pixel / params.width % params.height;
    let view = pixel / params.width / params.height;
    // cell i covers the row when floor(i H / h) <= row < ceil((i + 1) H / h)
    let last_i = ((row + 1u) * params.grid_h + params.height - 1u) / params.height;
    let last_j = ((col + 1u) * params.grid_w + params.width - 1u) / params.width;
    var sum = 0.0;
    for (var i = row * params.grid_h / params.height; i < last_i; i++) {
        for (var j = col * params.grid_w / params.width; j < last_j; j++) {
            let token = (view * params.grid_h + i) * params.grid_w + j;
            if (weight[token] > 0.0) {
                sum += d_tokens[token * params.features + e] / weight[token];
            }
        }
    }
    d_x[at] = mask[pixel] * sum;
}
