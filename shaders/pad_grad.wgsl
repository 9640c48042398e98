// pad_grad — gradient of margins that repeat the tensor, along one axis.
//
//   d_x[o, i, c] = sum of d_y[o, before + t, c] over the t in [-before, length + after)
//   with m(t) = i, m as in pad.wgsl
//
// Layout   d_x [outer, LENGTH, INNER], d_y [outer, before + LENGTH + after, INNER] f32
// Mapping  one invocation per STEP elements of d_x, a workgroup's width apart
// Memory   1 load per element of d_y, 1 store per element of d_x; bound by bandwidth
// Source   elementary; margins along several axes take one pass per axis
// Twin     src/kernels/pad.ts

struct Params {
    n: u32,      // elements of d_x
    length: u32, // of the axis in d_x
    inner: u32,  // elements behind it
    before: u32, // margins
    after: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> d_y: array<f32>;
@group(0) @binding(2) var<storage, read_write> d_x: array<f32>;

override MODE: u32 = 1u;   // 1 reflect, 2 symmetric, 3 edge, 4 wrap
override LENGTH: u32 = 0u; // 0: read at run time
override INNER: u32 = 0u;
override WG: u32 = 256u;   // invocations per workgroup
const STEP: u32 = 8u; // tune: 1 2 4 8

// <lib fixed_or>
/// The number frozen into the pipeline, else the one read at run time.
fn fixed_or(fixed: u32, at_run_time: u32) -> u32 { return select(at_run_time, fixed, fixed != 0u); }
// </lib>

/// The only t < 0 and the only t >= length with m(t) = i, in either order of sign; see MODE 1, 2,
/// 4.
fn mirrors(i: i32, length: i32) -> vec2i {
    switch MODE {
        case 1u: { return vec2i(-i, 2 * (length - 1) - i); }
        case 2u: { return vec2i(-1 - i, 2 * length - 1 - i); }
        default: { return vec2i(i - length, i + length); }
    }
}

@compute @workgroup_size(WG)
fn pad_grad(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let lane = local.x;
    let length = fixed_or(LENGTH, params.length);
    let inner = fixed_or(INNER, params.inner);
    let before = i32(params.before);
    let end = i32(length + params.after);
    let start = (group.x + group.y * groups.x) * WG * STEP + lane;
    for (var k = 0u; k < STEP; k++) {
        let place = start + k * WG;
        if (place < params.n) {
            let line = place / inner;
            let c = place - line * inner;
            let o = line / length;
            let i = i32(line - o * length);
            let first = o * (params.before + length + params.after) + params.before; // t = 0
            var sum = d_y[(first + u32(i)) * inner + c];
            if (MODE == 3u) {
                for (var t = -before; t < 0 && i == 0; t++) {
                    sum += d_y[(first + u32(t)) * inner + c];
                }
                for (var t = i32(length); t < end && i == i32(length) - 1; t++) {
                    sum += d_y[(first + u32(t)) * inner + c];
                }
            } else {
                let t = mirrors(i, i32(length));
                if (t.x < 0 && t.x >= -before) {
                    sum += d_y[(first + u32(t.x)) * inner + c];
                }
                if (t.y >= i32(length) && t.y < end) {
                    sum += d_y[(first + u32(t.y)) * inner + c];
                }
            }
            d_x[place] = sum;
        }
    }
}
