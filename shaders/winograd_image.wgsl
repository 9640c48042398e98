// winograd_image — patches of an image at the points of a Winograd convolution
//
//   image[6 i + j, t, c] = sum_{a, b} B[a, i] B[b, j] x[v, 4 r - p_t + a, 4 s - p_l + b, c]
//   a, b = 0 .. 5; tile (v, r, s) of 4 x 4 outputs; t = TILES_W (TILES_H v + r - first_line) + s;
//   x is 0 outside the image
//
// Layout   x [V, H, W, C], image [36, LINES TILES_W, C] f32, C a multiple of 4
// Mapping  one invocation per four channels of RUN neighbouring tiles of a row: neighbours load
//          neighbours; two of the six columns of a patch stay in registers for the next one
// Memory   24 loads + 36 stores of 16 bytes per four channels of a tile
// Source   Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016, eq. 12
// Twin     src/kernels/convolution/winograd.ts

struct Params {
    in_h: u32,       // image
    in_w: u32,
    channels: u32,
    tiles_h: u32,    // tiles of a view
    tiles_w: u32,
    pad_top: u32,
    pad_left: u32,
    first_line: u32, // of tiles, counted over all views
    lines: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> image: array<vec4f>;

override WG: u32 = 32u; // invocations per workgroup
const RUN: u32 = 4u; // tune: 1 2 4 8

// <lib winograd_patch>
/// B^T d: six neighbours of the image at the points 0, 5/8, -5/8, 3/2, -3/2 and infinity.
fn at_points(d: array<vec4f, 6>) -> array<vec4f, 6> {
    let p = d[4] - 2.25 * d[2];
    let q = 0.625 * (d[3] - 2.25 * d[1]);
    let r = d[4] - 0.390625 * d[2];
    let s = 1.5 * (d[3] - 0.390625 * d[1]);
    return array<vec4f, 6>(
        0.87890625 * d[0] - 2.640625 * d[2] + d[4],
        p + q,
        p - q,
        r + s,
        r - s,
        0.87890625 * d[1] - 2.640625 * d[3] + d[5],
    );
}
// </lib>

@compute @workgroup_size(WG)
fn winograd_image(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let quads = params.channels / 4u;
    let runs = (params.tiles_w + RUN - 1u) / RUN;
    let unit = (group.x + group.y * groups.x) * WG + local.x;
    let run = unit / quads;
    let q = unit - run * quads;
    let line = run / runs;
    if (line >= params.lines) {
        return;
    }
    let view = (params.first_line + line) / params.tiles_h;
    let first_tile = (run - line * runs) * RUN;
    let top = (params.first_line + line - view * params.tiles_h) * 4u - params.pad_top; // negative ones wrap to beyond the end
    var rows: array<u32, 6>; // vectors of x
    var exists: array<bool, 6>;
    for (var i = 0u; i < 6u; i++) {
        exists[i] = top + i < params.in_h;
        rows[i] = select(0u, (view * params.in_h + top + i) * params.in_w * quads + q, exists[i]);
    }
    let pitch = params.lines * params.tiles_w * quads;
    var out = (line * params.tiles_w + first_tile) * quads + q;
    // selections instead of an index, so that the patch stays in registers
    var cells: array<array<vec4f, 6>, 6>; // of the patch: column, row; columns already at the points
    var w = first_tile * 4u - params.pad_left;
    var begin = 0u;
    for (var n = first_tile; n < min(first_tile + RUN, params.tiles_w); n++) {
        for (var j = begin; j < 6u; j++) {
            let inside = w < params.in_w;
            let column = select(0u, w * quads, inside);
            var d: array<vec4f, 6>;
            for (var i = 0u; i < 6u; i++) {
                d[i] = select(vec4f(), x[rows[i] + column], inside && exists[i]);
            }
            let t = at_points(d);
            for (var k = 0u; k < 6u; k++) {
                for (var i = 0u; i < 6u; i++) {
                    cells[k][i] = select(cells[k][i], t[i], j == k);
                }
            }
            w++;
        }
        var at = out;
        for (var i = 0u; i < 6u; i++) {
            var d: array<vec4f, 6>;
            for (var k = 0u; k < 6u; k++) {
                var value = cells[k][0];
                for (var row = 1u; row < 6u; row++) {
                    value = select(value, cells[k][row], row == i);
                }
                d[k] = value;
            }
            let t = at_points(d);
            for (var k = 0u; k < 6u; k++) {
                image[at] = t[k];
                at += pitch;
            }
        }
        out += quads;
        begin = 2u;
        cells[0] = cells[4];
        cells[1] = cells[5];
    }
}
