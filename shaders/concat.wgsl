// concat — two to four tensors joined along one axis.
//
//   y[o, r] = a[o, r], then b[o, r - row_a], then c, then d
//   o: the axes before the joined one, r: the joined one and those behind
//
// Layout   a, b, c, d [outer, row of their own], y [outer, row] f32; an absent one has rows of 0
//          elements
// Mapping  one invocation per STEP elements of a row of y ceil(row / STEP) apart, so that
//          neighbours load neighbours and each index is decomposed once for all of them
// Memory   1 load + 1 store per element of y; bound by bandwidth
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
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read> c: array<f32>;
@group(0) @binding(4) var<storage, read> d: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

override ROW: u32 = 0u;  // 0: read at run time
override WG: u32 = 256u; // invocations per workgroup
const STEP: u32 = 8u; // tune: 1 2 4 8

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

/// Element r of row o of y
fn joined(o: u32, r: u32) -> f32 {
    if (r < params.row_a) {
        return a[o * params.row_a + r];
    }
    let behind_a = r - params.row_a;
    if (behind_a < params.row_b) {
        return b[o * params.row_b + behind_a];
    }
    let behind_b = behind_a - params.row_b;
    if (behind_b < params.row_c) {
        return c[o * params.row_c + behind_b];
    }
    return d[o * params.row_d + behind_b - params.row_c];
}

@compute @workgroup_size(WG)
fn concat(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let row = fixed_or(ROW, params.row);
    let blocks = (row + STEP - 1u) / STEP;
    let unit = (group.x + group.y * groups.x) * WG + lane;
    let o = unit / blocks;
    if (o >= params.rows) {
        return;
    }
    let block = unit - o * blocks;
    for (var s = 0u; s < STEP; s++) {
        let r = block + s * blocks;
        if (r < row) {
            y[o * row + r] = joined(o, r);
        }
    }
}
