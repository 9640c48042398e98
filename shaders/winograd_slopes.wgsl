// winograd_slopes — tiles of d_y as products of Winograd's weight gradient need them
//
//   slopes[p, t, o] = sum_{i, j} A[p / 6, i] A[p mod 6, j] d_y[v, 4 a + i, 4 b + j, o]
//   A[q, i] = P_q^i at the points P = 0, 5/8, -5/8, 3/2, -3/2; the last row, infinity, is 0, 0, 0, 1
//
//   i, j = 0 .. 3; tile (v, a, b); t = TILES_W (TILES_H v + a - first_line) + b; d_y is 0 outside the
//   feature map
//
// Layout   d_y [V, OH, OW, O] and slopes [36, LINES TILES_W, O] in vectors of four channels
// Mapping  one invocation per tile and four channels, neighbours on neighbouring channels; the six
//          rows of points in a loop, so that the text is short to compile
// Memory   16 loads and 36 stores of 16 bytes per 16 vectors of d_y; bound by the stores
// Source   Lavin and Gray, Fast algorithms for convolutional neural networks, 2016, section 4.3; A is
//          that of their F(4x4, 3x3), transposed, with the points above
// Twin     src/kernels/convolution/winograd_slopes.ts

struct Params {
    out_h: u32,      // feature map
    out_w: u32,
    out_c: u32,
    tiles_h: u32,    // tiles of a view
    tiles_w: u32,
    first_line: u32, // of tiles, counted over all views
    lines: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> d_y: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> slopes: array<vec4f>;

override WG: u32 = 16u; // invocations per workgroup

// <lib winograd_slope>
/// The powers 1, P, P^2, P^3 of a point, numbered 0, 5/8, -5/8, 3/2, -3/2; 0, 0, 0, 1 for infinity.
fn winograd_powers(point: u32) -> vec4f {
    let size = select(select(0.625, 1.5, point > 2u), 0.0, point == 0u);
    let p = select(size, -size, point % 2u == 0u);
    return select(vec4f(1.0, p, p * p, p * p * p), vec4f(0.0, 0.0, 0.0, 1.0), point == 5u);
}

/// The values of d0 + d1 P + d2 P^2 + d3 P^3 at the six points; d3 at infinity.
fn winograd_slope(d0: vec4f, d1: vec4f, d2: vec4f, d3: vec4f) -> array<vec4f, 6> {
    let even = d0 + 0.390625 * d2;
    let odd = 0.625 * d1 + 0.244140625 * d3;
    let even_far = d0 + 2.25 * d2;
    let odd_far = 1.5 * d1 + 3.375 * d3;
    return array(d0, even + odd, even - odd, even_far + odd_far, even_far - odd_far, d3);
}
// </lib>

/// Four channels of d_y at one pixel of the view whose first row of all views is `first`; 0 outside.
fn gradient(first: u32, h: u32, w: u32, at_o: u32) -> vec4f {
    var numbers = vec4f();
    if ((h < params.out_h) & (w < params.out_w)) {
        numbers = d_y[((first + h) * params.out_w + w) * (params.out_c / 4u) + at_o];
    }
    return numbers;
}

/// A column of a tile: the same four channels of four rows.
fn column(first: u32, h: u32, w: u32, at_o: u32) -> mat4x4f {
    return mat4x4f(
        gradient(first, h, w, at_o),
        gradient(first, h + 1u, w, at_o),
        gradient(first, h + 2u, w, at_o),
        gradient(first, h + 3u, w, at_o),
    );
}

@compute @workgroup_size(WG)
fn winograd_slopes(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let index = (group.x + group.y * groups.x) * WG + local.x;
    let fours = params.out_c / 4u;
    let plane = params.lines * params.tiles_w * fours; // vectors of one point
    if (index >= plane) {
        return;
    }
    // remainders as differences: a processor divides whole numbers lane by lane
    let tile = index / fours;
    let at_o = index - tile * fours;
    let across = tile / params.tiles_w;
    let line = params.first_line + across;
    let view = line / params.tiles_h;
    let h = 4u * (line - view * params.tiles_h);
    let w = 4u * (tile - across * params.tiles_w);
    let first = view * params.out_h;
    var left = mat4x4f();
    var second = mat4x4f();
    var third = mat4x4f();
    var right = mat4x4f();
    // columns beyond a bound that the compiler does not know, so that it does not unroll them
    for (var j = w; j < min(w + 4u, params.tiles_w * 4u); j++) {
        left = second;
        second = third;
        third = right;
        right = column(first, h, j, at_o);
    }
    var row = 0u;
    for (var at = index; at < 36u * plane; at += 6u * plane) {
        let powers = winograd_powers(row);
        let made = winograd_slope(left * powers, second * powers, third * powers, right * powers);
        slopes[at] = made[0];
        slopes[at + plane] = made[1];
        slopes[at + 2u * plane] = made[2];
        slopes[at + 3u * plane] = made[3];
        slopes[at + 4u * plane] = made[4];
        slopes[at + 5u * plane] = made[5];
        row++;
    }
}
