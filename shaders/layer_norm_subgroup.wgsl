// layer_norm_subgroup — layer_norm.wgsl with one subgroup per row, whose numbers stay in registers.
//
//   y[r, c] = (x[r, c] - mean[r]) / sqrt(variance[r] + epsilon) gamma[c] + beta[c]
//   mean[r] = sum_c x[r, c] / C;  variance[r] = sum_c (x[r, c] - mean[r])^2 / C
//
// Layout   as in layer_norm.wgsl; C a multiple of four and at most 4 FOURS LANES
// Mapping  a workgroup of one subgroup owns ROWS rows. A lane holds up to FOURS vectors of a row,
//          LANES apart, and its vectors of gamma and beta throughout. No barrier
// Memory   1 load of x + 1 store of y, of 16 bytes; gamma and beta once for ROWS rows
// Source   Ba et al. 2016 (arXiv:1607.06450), eq. 4
// Twin     src/kernels/layer_norm.ts

enable subgroups;

struct Params {
    rows: u32,
    channels: u32, // C
    epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> gamma: array<vec4f>;
@group(0) @binding(3) var<storage, read> beta: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> mean: array<f32>;
@group(0) @binding(6) var<storage, read_write> variance: array<f32>;

override LANES: u32 = 8u; // of a subgroup: 4 to 64; the workgroup is exactly one
const ROWS: u32 = 16u; // tune: 4 16
const FOURS: u32 = 8u; // tune: 2 4 8

/// The sum over the numbers of a vector.
fn across(four: vec4f) -> f32 { return (four.x + four.y) + (four.z + four.w); }

@compute @workgroup_size(LANES)
fn layer_norm_subgroup(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let first = (group.x + group.y * groups.x) * ROWS;
    let fours = params.channels / 4u;
    let share = 1.0 / f32(params.channels);
    // indexed by constants only, so that they stay in registers
    var scale = array<vec4f, FOURS>();
    var shift = array<vec4f, FOURS>();
    for (var q = 0u; q < FOURS; q++) {
        if (q * LANES < fours) {
            let i = min(q * LANES + lane, fours - 1u);
            scale[q] = gamma[i];
            shift[q] = beta[i];
        }
    }
    for (var row = first; row < min(first + ROWS, params.rows); row++) {
        var held = array<vec4f, FOURS>();
        var sums = vec4f();
        for (var q = 0u; q < FOURS; q++) {
            if (q * LANES < fours) {
                let i = q * LANES + lane;
                held[q] = select(vec4f(), x[row * fours + min(i, fours - 1u)], i < fours);
                sums += held[q];
            }
        }
        let middle = subgroupAdd(across(sums)) * share;
        var squares = vec4f();
        for (var q = 0u; q < FOURS; q++) {
            if (q * LANES < fours) {
                let deviation = select(vec4f(), held[q] - middle, q * LANES + lane < fours);
                held[q] = deviation;
                squares += deviation * deviation;
            }
        }
        let spread = subgroupAdd(across(squares)) * share;
        let r = inverseSqrt(spread + params.epsilon);
        for (var q = 0u; q < FOURS; q++) {
            if (q * LANES + lane < fours) {
                y[row * fours + q * LANES + lane] = held[q] * (r * scale[q]) + shift[q];
            }
        }
        if (lane == 0u) {
            mean[row] = middle;
            variance[row] = spread;
        }
    }
}
