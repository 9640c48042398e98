/// The image positions of four terms (a, b, c) of the weight, for the pixel of y at (0, 0).
struct Term {
    h: vec4i,
    w: vec4i,
    c: vec4u,
    exists: vec4<bool>,
}

fn term_of(n: vec4u) -> Term {
    let group_c = fixed_or(GROUP_C, params.group_c);
    let kernel_w = fixed_or(KERNEL_W, params.kernel_w);
    let tap = n / group_c;
    let a = tap / kernel_w;
    let h = vec4i(a * params.dilation_h) - i32(params.pad_top);
    let w = vec4i((tap - a * kernel_w) * params.dilation_w) - i32(params.pad_left);
    return Term(h, w, n - tap * group_c, a < vec4u(params.kernel_h));
}
