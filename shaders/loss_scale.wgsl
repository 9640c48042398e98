// loss_scale — divides the scale of the loss out of the gradients' norm, and moves the scale.
//
//   all finite:  norm = (|S g| / S, min(1, max_norm S / |S g|) / S, 1, 0);  after `growth` such
//                steps in a row, S = min(2 S, 2^24)
//   else:        norm stays (0, 0, 0, 0), so that nothing is updated;  S = max(S / 2, 1)
//
// Layout   norm [4] = (|S g|, 1, finite, 0) of grad_norm without clipping; scale [1] = S; steps [1]:
//          steps in a row with finite gradients; used [1]: S of this step
// Mapping  one invocation
// Memory   6 numbers
// Source   Micikevicius et al. 2018 (arXiv:1710.03740) section 3.2
// Twin     src/kernels/loss_scale.ts

struct Params {
    max_norm: f32, // 0: no clipping
    growth: f32,   // steps
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> norm: array<f32>; // inout
@group(0) @binding(2) var<storage, read_write> scale: array<f32>; // inout
@group(0) @binding(3) var<storage, read_write> steps: array<f32>; // inout
@group(0) @binding(4) var<storage, read_write> used: array<f32>;

const MOST: f32 = 16777216.0; // host: 2^24

@compute @workgroup_size(1)
fn loss_scale() {
    let now = scale[0];
    used[0] = now;
    if (norm[2] < 0.5) {
        scale[0] = max(now / 2.0, 1.0);
        steps[0] = 0.0;
        return;
    }
    // the scale is a power of two, so that both divisions are exact
    let length = norm[0] / now;
    let clips = params.max_norm > 0.0 && length > params.max_norm;
    norm[0] = length;
    norm[1] = select(1.0, params.max_norm / length, clips) / now;
    let finite_steps = steps[0] + 1.0;
    let grows = finite_steps >= params.growth;
    scale[0] = select(now, min(now * 2.0, MOST), grows);
    steps[0] = select(finite_steps, 0.0, grows);
}
