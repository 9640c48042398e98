// winograd_weight — the weight of a 3x3 convolution at the points of a Winograd convolution
//
//   taps[6 i + j, o, c] = sum_{a, b} G[i, a] G[j, b] weight[o, a, b, c],  a, b = 0 .. 2
//   with TURNED by 180 degrees: weight[o, 2 - a, 2 - b, c]
//
// Layout   weight [O, 3, 3, C], taps [36, O, C] f32, C a multiple of 4
// Mapping  one invocation per four channels of an output channel
// Memory   9 loads + 36 stores of 16 bytes per invocation
// Source   Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016, eq. 12
// Twin     src/kernels/convolution/winograd.ts

struct Params {
    outputs: u32,  // O
    channels: u32, // C
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> taps: array<vec4f>;

override TURNED: bool = false;
override WG: u32 = 32u; // invocations per workgroup

/// G g: three taps at the points 0, 5/8, -5/8, 3/2, -3/2 and infinity.
fn at_points(g: array<vec4f, 3>) -> array<vec4f, 6> {
    let p = (g[0] + 0.390625 * g[2]) / -1.45263671875;
    let q = 0.625 * g[1] / -1.45263671875;
    let r = (g[0] + 2.25 * g[2]) / 8.3671875;
    let s = 1.5 * g[1] / 8.3671875;
    return array<vec4f, 6>(g[0] / 0.87890625, p + q, p - q, r + s, r - s, g[2]);
}

@compute @workgroup_size(WG)
fn winograd_weight(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let quads = params.channels / 4u;
    let unit = (group.x + group.y * groups.x) * WG + local.x;
    let output = unit / quads;
    let q = unit - output * quads;
    if (output >= params.outputs) {
        return;
    }
    var columns: array<array<vec4f, 6>, 3>;
    for (var b = 0u; b < 3u; b++) {
        var g: array<vec4f, 3>;
        for (var a = 0u; a < 3u; a++) {
            let tap = select(3u * a + b, 8u - 3u * a - b, TURNED);
            g[a] = weight[(output * 9u + tap) * quads + q];
        }
        columns[b] = at_points(g);
    }
    let pitch = params.outputs * quads;
    var at = unit;
    for (var i = 0u; i < 6u; i++) {
        let t = at_points(array<vec4f, 3>(columns[0][i], columns[1][i], columns[2][i]));
        for (var k = 0u; k < 6u; k++) {
            taps[at] = t[k];
            at += pitch;
        }
    }
}
