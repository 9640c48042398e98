// slice_sum — the sum of two to four tensors, each read as a range of channels of wider rows.
//
//   y[r, o] = a[r, a_first + o] + b[r, b_first + o] + c[r, c_first + o] + d[r, d_first + o], in that
//   order
//
// Layout   y: [R, O] f32, O a multiple of 4; a, b, c (or absent), d (or absent): [R, their pitch],
//          pitches and first channels multiples of 4
// Mapping  one invocation per four channels of RUN rows ceil(R / RUN) apart: neighbours load
//          neighbours
// Memory   2 to 4 loads + 1 store of 16 bytes per four elements; bound by bandwidth
// Source   elementary
// Twin     src/kernels/slice_sum.ts

struct Params {
    rows: u32,    // R
    quads: u32,   // O / 4
    a_pitch: u32, // channels of a row / 4
    a_first: u32, // first channel / 4
    b_pitch: u32,
    b_first: u32,
    c_pitch: u32, // 0: absent
    c_first: u32,
    d_pitch: u32, // 0: absent
    d_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4f>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read> c: array<vec4f>;
@group(0) @binding(4) var<storage, read> d: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> y: array<vec4f>;

override WG: u32 = 64u; // invocations per workgroup
const RUN: u32 = 8u; // tune: 4 8 16

// <lib slice_sum_rows>
/// The sum at vector `unit` of y and at those `blocks` rows apart behind it. The places in a, b, c and
/// d are carried from row to row; a loop that is not unrolled fits into the caches of a processor.
fn sum_rows(unit: u32, blocks: u32) {
    let q = unit % params.quads;
    let j = unit / params.quads;
    let a_step = blocks * params.a_pitch;
    let b_step = blocks * params.b_pitch;
    let c_step = blocks * params.c_pitch;
    let d_step = blocks * params.d_pitch;
    let y_step = blocks * params.quads;
    var in_a = j * params.a_pitch + params.a_first + q;
    var in_b = j * params.b_pitch + params.b_first + q;
    var in_c = j * params.c_pitch + params.c_first + q;
    var in_d = j * params.d_pitch + params.d_first + q;
    let end = params.rows * params.quads;
    for (var i = unit; i < end; i += y_step) {
        var sum = a[in_a] + b[in_b];
        if (c_step != 0u) {
            sum += c[in_c];
        }
        if (d_step != 0u) {
            sum += d[in_d];
        }
        y[i] = sum;
        in_a += a_step;
        in_b += b_step;
        in_c += c_step;
        in_d += d_step;
    }
}
// </lib>

@compute @workgroup_size(WG)
fn slice_sum(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let unit = (group.x + group.y * groups.x) * WG + local.x;
    let blocks = (params.rows + RUN - 1u) / RUN;
    if (unit < blocks * params.quads) {
        sum_rows(unit, blocks);
    }
}
