// layer_norm_grad_input_subgroup — layer_norm_grad_input.wgsl with one subgroup per row.
//
//   d_x[r, c] = i (g - (sum_c g + xhat sum_c g xhat) / C),  g = gamma[c] d_y[r, c]
//   xhat = (x[r, c] - mean[r]) i,  i = 1 / sqrt(variance[r] + epsilon)
//
// Layout   as in layer_norm_grad_input.wgsl; C a multiple of four and at most 4 FOURS LANES
// Mapping  as in layer_norm_subgroup.wgsl: a row of x and of g stays in registers. No barrier
// Memory   2 loads + 1 store of 16 bytes; gamma once for ROWS rows
// Source   elementary
// Twin     src/kernels/layer_norm.ts

enable subgroups;

struct Params {
    rows: u32,
    channels: u32, // C
    epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> d_y: array<vec4f>;
@group(0) @binding(3) var<storage, read> mean: array<f32>;
@group(0) @binding(4) var<storage, read> variance: array<f32>;
@group(0) @binding(5) var<storage, read> gamma: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> d_x: array<vec4f>;

override LANES: u32 = 8u; // of a subgroup: 4 to 64; the workgroup is exactly one
const ROWS: u32 = 16u; // tune: 4 16
const FOURS: u32 = 8u; // tune: 2 4 8

/// The sum over the numbers of a vector.
fn across(four: vec4f) -> f32 { return (four.x + four.y) + (four.z + four.w); }

@compute @workgroup_size(LANES)
fn layer_norm_grad_input_subgroup(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let first = (group.x + group.y * groups.x) * ROWS;
    let fours = params.channels / 4u;
    let share = 1.0 / f32(params.channels);
    // indexed by constants only, so that they stay in registers
    var scale = array<vec4f, FOURS>();
    for (var q = 0u; q < FOURS; q++) {
        if (q * LANES < fours) {
            scale[q] = gamma[min(q * LANES + lane, fours - 1u)];
        }
    }
    for (var row = first; row < min(first + ROWS, params.rows); row++) {
        let middle = mean[row];
        let r = inverseSqrt(variance[row] + params.epsilon);
        var deviations = array<vec4f, FOURS>();
        var upstream = array<vec4f, FOURS>();
        var sums = vec4f();
        var products = vec4f();
        for (var q = 0u; q < FOURS; q++) {
            if (q * LANES < fours) {
                let i = q * LANES + lane;
                let at = row * fours + min(i, fours - 1u);
                deviations[q] = x[at] - middle;
                upstream[q] = select(vec4f(), scale[q] * d_y[at], i < fours);
                sums += upstream[q];
                products += select(vec4f(), upstream[q] * deviations[q], i < fours);
            }
        }
        let sum = subgroupAdd(across(sums)) * share;
        let product = subgroupAdd(across(products)) * (share * r);
        for (var q = 0u; q < FOURS; q++) {
            if (q * LANES + lane < fours) {
                d_x[row * fours + q * LANES + lane] =
                    r * (upstream[q] - (sum + deviations[q] * r * product));
            }
        }
    }
}
