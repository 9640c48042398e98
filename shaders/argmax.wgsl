// argmax — place of the largest element along one axis.
//
//   y[o, i] = first k with x[o, k, i] = max_n x[o, n, i]; a NaN counts as the largest, as in NumPy
//
// Layout   x [O, N, I]; y [O, I]: whole numbers as f32
// Mapping  one invocation per element of y, which walks along the axis
// Memory   N loads + 1 store per element; bound by bandwidth
// Source   elementary
// Twin     src/kernels/argmax.ts

struct Params {
    n: u32,      // elements of y
    length: u32, // N
    inner: u32,  // I
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

override WG: u32 = 64u; // invocations per workgroup

// <lib is_nan>
/// Whether x is NaN, by its bits: WGSL may assume that comparisons never see one.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
// </lib>

@compute @workgroup_size(WG)
fn argmax(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = (group.x + group.y * groups.x) * WG + lane;
    if (at >= params.n) {
        return;
    }
    let first = at / params.inner * params.length * params.inner + at % params.inner;
    var place = 0u;
    var largest = x[first];
    for (var k = 1u; k < params.length && !is_nan(largest); k++) {
        let value = x[first + k * params.inner];
        if (is_nan(value) || value > largest) {
            largest = value;
            place = k;
        }
    }
    y[at] = f32(place);
}
