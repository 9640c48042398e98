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

@compute @workgroup_size(WG)
fn slice_sum(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let unit = (group.x + group.y * groups.x) * WG + lane;
    let blocks = (params.rows + RUN - 1u) / RUN;
    let q = unit % params.quads;
    let j = unit / params.quads;
    for (var k = 0u; k < RUN; k++) {
        let r = j + k * blocks;
        if (j < blocks && r < params.rows) {
            var sum = a[r * params.a_pitch + params.a_first + q]
                + b[r * params.b_pitch + params.b_first + q];
            if (params.c_pitch != 0u) {
                sum += c[r * params.c_pitch + params.c_first + q];
            }
            if (params.d_pitch != 0u) {
                sum += d[r * params.d_pitch + params.d_first + q];
            }
            y[r * params.quads + q] = sum;
        }
    }
}
