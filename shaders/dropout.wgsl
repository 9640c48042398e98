// dropout — sets a random share of a tensor to zero and enlarges the rest.
//
//   y[i] = x[i] / (1 - share) where bits(seed, step, i) >= share 2^32, else 0; NaN of NaN
//   y[i] = x[i] where step < 0
//   bits: a hash of the three numbers, so that equal ones give the same mask on every adapter
//
// Layout   x, y: any shape, n elements f32; scalars: the 64 step scalars
// Mapping  one invocation per STEP elements, a workgroup's width apart, so that neighbours load
//          neighbours
// Memory   1 load + 1 store per element; bound by bandwidth, the hash beside it
// Source   Srivastava et al. 2014 (JMLR 15), section 10; murmur3's finaliser (Appleby 2008)
// Twin     src/kernels/dropout.ts

struct Params {
    n: u32,       // elements
    slot: u32,    // of step among the step scalars
    key: u32,     // hash of the seed
    dropped: u32, // share 2^32
    scale: f32,   // 1 / (1 - share)
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> scalars: array<vec4f, 16>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

override WG: u32 = 256u; // invocations per workgroup
const STEP: u32 = 8u; // tune: 1 2 4 8

// <lib is_nan>
/// Whether x is NaN, by its bits: WGSL may assume that comparisons never see one.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
// </lib>

/// 32 well-mixed bits of h.
fn mix(h: u32) -> u32 {
    let a = (h ^ (h >> 16u)) * 0x85ebca6bu;
    let b = (a ^ (a >> 13u)) * 0xc2b2ae35u;
    return b ^ (b >> 16u);
}

/// The state of a hash after it takes in a key; src/tensor/random.ts has the same.
fn absorb(state: u32, key: u32) -> u32 {
    return mix(mix(state ^ key) + 0x85ebca6bu);
}

@compute @workgroup_size(WG)
fn dropout(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let step = scalars[params.slot / 4u][params.slot % 4u];
    let state = absorb(params.key, u32(step));
    let start = (group.x + group.y * groups.x) * WG * STEP + lane;
    for (var s = 0u; s < STEP; s++) {
        let i = start + s * WG;
        if (i < params.n) {
            let value = x[i];
            if (step < 0.0) {
                y[i] = value;
            } else if (absorb(state, i) >= params.dropped || is_nan(value)) {
                y[i] = value * params.scale;
            } else {
                y[i] = 0.0;
            }
        }
    }
}
