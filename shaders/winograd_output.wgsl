// winograd_output — a Winograd convolution from its values at the points
//
//   y[v, 4 r + a, 4 s + b, o] = bias[o] + sum_{i, j} A[i, a] A[j, b] products[6 i + j, t, o]
//   i, j = 0 .. 5, a, b = 0 .. 3; tile (v, r, s) of 4 x 4 outputs;
//   t = TILES_W (TILES_H v + r - first_line) + s; with RELU max(y, 0)
//
// Layout   products [36, LINES TILES_W, O]; bias [O] or absent; y [V, OH, OW, O] f32, O a multiple
//          of 4; what these tiles do not cover stays as it is
// Mapping  one invocation per four channels of a tile; outputs beyond the last are not stored
// Memory   36 loads + 16 stores of 16 bytes per invocation
// Source   Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016, eq. 12
// Twin     src/kernels/convolution/winograd.ts

struct Params {
    out_h: u32,      // feature map
    out_w: u32,
    channels: u32,   // O
    tiles_h: u32,    // tiles of a view
    tiles_w: u32,
    first_line: u32, // of tiles, counted over all views
    lines: u32,
    has_bias: u32,   // 0 or 1
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> products: array<vec4f>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>; // inout

override WG: u32 = 32u; // invocations per workgroup

// <lib conv2d_rectified>
override RELU: bool = false; // y is max(y, 0)

/// v or, with RELU, max(v, 0); by its bits, so that NaN stays
fn rectified(v: f32) -> f32 {
    let bits = bitcast<u32>(v);
    return select(v, 0.0, RELU && bits >= 0x80000000u && bits <= 0xff800000u);
}
// </lib>

/// A^T m: four neighbours of the feature map from the points 0, 5/8, -5/8, 3/2, -3/2 and infinity.
fn from_points(m: array<vec4f, 6>) -> array<vec4f, 4> {
    let p = m[1] + m[2];
    let q = m[1] - m[2];
    let r = m[3] + m[4];
    let s = m[3] - m[4];
    return array<vec4f, 4>(
        m[0] + (p + r),
        0.625 * q + 1.5 * s,
        0.390625 * p + 2.25 * r,
        0.244140625 * q + 3.375 * s + m[5],
    );
}

@compute @workgroup_size(WG)
fn winograd_output(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let quads = params.channels / 4u;
    let unit = (group.x + group.y * groups.x) * WG + local.x;
    let tile = unit / quads;
    let q = unit - tile * quads;
    let line = tile / params.tiles_w;
    if (line >= params.lines) {
        return;
    }
    let view = (params.first_line + line) / params.tiles_h;
    let pitch = params.lines * params.tiles_w * quads;
    // selections instead of an index, so that the values stay in registers
    var rows: array<array<vec4f, 4>, 6>; // already from the points along columns
    var at = unit;
    for (var i = 0u; i < 6u; i++) {
        var m: array<vec4f, 6>;
        for (var j = 0u; j < 6u; j++) {
            m[j] = products[at];
            at += pitch;
        }
        let t = from_points(m);
        for (var k = 0u; k < 6u; k++) {
            for (var b = 0u; b < 4u; b++) {
                rows[k][b] = select(rows[k][b], t[b], i == k);
            }
        }
    }
    var start = vec4f();
    if (params.has_bias != 0u) {
        start = vec4f(bias[4u * q], bias[4u * q + 1u], bias[4u * q + 2u], bias[4u * q + 3u]);
    }
    var columns: array<array<vec4f, 4>, 4>;
    for (var b = 0u; b < 4u; b++) {
        columns[b] = from_points(
            array<vec4f, 6>(rows[0][b], rows[1][b], rows[2][b], rows[3][b], rows[4][b], rows[5][b]),
        );
    }
    let top = (params.first_line + line - view * params.tiles_h) * 4u;
    let left = (tile - line * params.tiles_w) * 4u;
    for (var a = 0u; a < min(4u, params.out_h - top); a++) {
        var out = ((view * params.out_h + top + a) * params.out_w + left) * quads + q;
        for (var b = 0u; b < 4u; b++) {
            var value = columns[b][0];
            for (var row = 1u; row < 4u; row++) {
                value = select(value, columns[b][row], row == a);
            }
            value += start;
            if (left + b < params.out_w) {
                y[out] = vec4f(rectified(value.x), rectified(value.y), rectified(value.z), rectified(value.w));
            }
            out += quads;
        }
    }
}
