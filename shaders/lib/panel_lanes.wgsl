/// Adds the four numbers of each of 8 lanes. The lane of a broadcast must be a constant.
fn add_lanes(sums: ptr<function, Sums>, top: ptr<function, Taps>, middle: ptr<function, Taps>, bottom: ptr<function, Taps>, first: u32, numbers: vec4f) {
    add_four(sums, top, middle, bottom, first, subgroupBroadcast(numbers, 0u));
    add_four(sums, top, middle, bottom, first + 4u, subgroupBroadcast(numbers, 1u));
    add_four(sums, top, middle, bottom, first + 8u, subgroupBroadcast(numbers, 2u));
    add_four(sums, top, middle, bottom, first + 12u, subgroupBroadcast(numbers, 3u));
    add_four(sums, top, middle, bottom, first + 16u, subgroupBroadcast(numbers, 4u));
    add_four(sums, top, middle, bottom, first + 20u, subgroupBroadcast(numbers, 5u));
    add_four(sums, top, middle, bottom, first + 24u, subgroupBroadcast(numbers, 6u));
    add_four(sums, top, middle, bottom, first + 28u, subgroupBroadcast(numbers, 7u));
}
