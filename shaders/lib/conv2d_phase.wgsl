/// The image pixels (row stride_h + h, column stride_w + w): the same taps reach all of them.
struct Phase {
    h: u32,
    w: u32,
    rows: u32,
    columns: u32,
}

fn phase_of(index: u32) -> Phase {
    let h = index / params.stride_w;
    let w = index % params.stride_w;
    let rows = (params.in_h + params.stride_h - 1u - h) / params.stride_h;
    let columns = (params.in_w + params.stride_w - 1u - w) / params.stride_w;
    return Phase(h, w, rows, columns);
}

/// The row and column of y that a tap reaches from a target, less the target's own; `exists` is
/// false where it reaches none.
struct Tap {
    exists: bool,
    h: i32,
    w: i32,
}

fn tap_of(phase: Phase, a: u32, b: u32) -> Tap {
    let h = i32(phase.h + params.pad_top) - i32(a * params.dilation_h);
    let w = i32(phase.w + params.pad_left) - i32(b * params.dilation_w);
    let stride = vec2i(i32(params.stride_h), i32(params.stride_w));
    return Tap(h % stride.x == 0 && w % stride.y == 0, h / stride.x, w / stride.y);
}
