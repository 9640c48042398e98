// winograd_grad_weight — gradient of a 3x3 convolution for its weight, from products at 36 points
//
//   d_weight[o, a, b, c] = sum_p G[p / 6, a] G[p mod 6, b] products[p, o, c]
//   G[q, a] = P_q^a / N_q at the points P = 0, 5/8, -5/8, 3/2, -3/2, with N_q the product of P_q - P_r
//   over the other points r; the last row, infinity, is 0, 0, 1
//
//   a, b = 0, 1, 2; with ADDS d_weight grows by that
//
// Layout   products [36, O, C] and d_weight [O, 3, 3, C] in vectors of four channels c
// Mapping  one invocation per four weights of each tap; the six rows of points in a loop, so that the
//          text is short to compile
// Memory   36 loads, with ADDS 45, and 9 stores of 16 bytes per invocation
// Source   Lavin and Gray, Fast algorithms for convolutional neural networks, 2016, section 4.3; G is
//          that of their F(4x4, 3x3), transposed, with the points above
// Twin     src/kernels/convolution/winograd_grad_weight.ts

struct Params {
    weights: u32, // O C
    channels: u32, // C
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> products: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> d_weight: array<vec4f>; // inout

override WG: u32 = 64u; // invocations per workgroup
override ADDS: bool = false;

/// The powers 1, P, P^2 of a point divided by its N; 0, 0, 1 for infinity.
fn taps_of(point: u32) -> vec3f {
    let p = select(0.625, 1.5, point > 2u) * select(1.0, -1.0, point % 2u == 0u);
    let n = select(1.0 / -1.45263671875, 1.0 / 8.3671875, point > 2u); // 2 P^2 (2 P^2 - 25/64 - 9/4)
    let near = select(vec3f(1.0, p, p * p) * n, vec3f(1.0 / 0.87890625, 0.0, 0.0), point == 0u);
    return select(near, vec3f(0.0, 0.0, 1.0), point == 5u);
}

@compute @workgroup_size(WG)
fn winograd_grad_weight(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let index = (group.x + group.y * groups.x) * WG + local.x;
    let plane = params.weights / 4u; // vectors of one point
    if (index >= plane) {
        return;
    }
    var left = mat3x4f(); // the three taps of each column
    var middle = mat3x4f();
    var right = mat3x4f();
    var row = 0u;
    for (var at = index; at < 36u * plane; at += 6u * plane) {
        let near = products[at + plane];
        let near_minus = products[at + 2u * plane];
        let far = products[at + 3u * plane];
        let far_minus = products[at + 4u * plane];
        let even = (near + near_minus) * (1.0 / -1.45263671875);
        let odd = (near - near_minus) * (1.0 / -1.45263671875);
        let even_far = (far + far_minus) * (1.0 / 8.3671875);
        let odd_far = (far - far_minus) * (1.0 / 8.3671875);
        let taps = taps_of(row);
        left += outer(products[at] * (1.0 / 0.87890625) + even + even_far, taps);
        middle += outer(0.625 * odd + 1.5 * odd_far, taps);
        right += outer(0.390625 * even + 2.25 * even_far + products[at + 5u * plane], taps);
        row++;
    }
    let fours = params.channels / 4u;
    let o = index / fours;
    var to = 9u * o * fours + index - o * fours;
    for (var a = 0u; a < 3u; a++) {
        if (ADDS) {
            left[a] += d_weight[to];
            middle[a] += d_weight[to + fours];
            right[a] += d_weight[to + 2u * fours];
        }
        d_weight[to] = left[a];
        d_weight[to + fours] = middle[a];
        d_weight[to + 2u * fours] = right[a];
        to += 3u * fours;
    }
}

/// A vector of four channels times each tap.
fn outer(numbers: vec4f, taps: vec3f) -> mat3x4f {
    return mat3x4f(numbers * taps.x, numbers * taps.y, numbers * taps.z);
}
