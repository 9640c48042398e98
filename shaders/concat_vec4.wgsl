// concat_vec4 — concat.wgsl with loads and stores of four elements.
//
//   y[o, r] = a[o, r], then b[o, r - row_a], then c, then d
//   o: the axes before the joined one, r: the joined one and those behind
//
// Layout   a, b, c, d [outer, row of their own], y [outer, row] f32, every row a multiple of 4; an
//          absent one has rows of 0 elements
// Mapping  one invocation per four elements of one input in RUN rows ceil(outer / RUN) apart, all of
//          a first, then of b, c and d: neighbours load neighbours of the same input
// Memory   1 load + 1 store of 16 bytes per four elements of y; bound by bandwidth
// Source   elementary
// Twin     src/kernels/concat.ts

struct Params {
    rows: u32,  // rows of y
    row: u32,   // elements of a row of y
    row_a: u32, // and of the rows it is made of
    row_b: u32,
    row_c: u32,
    row_d: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4f>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read> c: array<vec4f>;
@group(0) @binding(4) var<storage, read> d: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> y: array<vec4f>;

override WG: u32 = 64u; // invocations per workgroup
const RUN: u32 = 8u; // tune: 2 4 8 16

@compute @workgroup_size(WG)
fn concat_vec4(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let unit = (group.x + group.y * groups.x) * WG + lane;
    let blocks = (params.rows + RUN - 1u) / RUN;
    let quads = params.row / 4u;
    let widths = vec4u(params.row_a, params.row_b, params.row_c, params.row_d) / 4u;
    // where each input starts in a row of y
    let starts = vec4u(0u, widths.x, widths.x + widths.y, widths.x + widths.y + widths.z);
    let column = unit / blocks;
    if (column >= quads) {
        return;
    }
    let input = select(0u, 1u, column >= starts.y) + select(0u, 1u, column >= starts.z)
        + select(0u, 1u, column >= starts.w);
    let width = widths[input];
    let start = starts[input];
    let own = unit - start * blocks;
    let first = own / width;
    let q = own - first * width;
    // loops that end at once for the other inputs: a processor's lanes would all run through
    // conditions
    let end = min(first + RUN * blocks, params.rows);
    for (var o = first; o < end && input == 0u; o += blocks) {
        y[o * quads + q] = a[o * width + q];
    }
    for (var o = first; o < end && input == 1u; o += blocks) {
        y[o * quads + start + q] = b[o * width + q];
    }
    for (var o = first; o < end && input == 2u; o += blocks) {
        y[o * quads + start + q] = c[o * width + q];
    }
    for (var o = first; o < end && input == 3u; o += blocks) {
        y[o * quads + start + q] = d[o * width + q];
    }
}
