/// Four numbers of a row of q, 0 beyond its width.
fn q_at(row: u32, i: u32) -> vec4f {
    var four = vec4f();
    for (var j = 0u; j < 4u; j++) {
        if (4u * i + j < fixed_or(WIDTH, params.width)) {
            four[j] = q[row * fixed_or(WIDTH, params.width) + 4u * i + j];
        }
    }
    return four;
}

/// Four numbers of a row of k, 0 beyond its width.
fn k_at(row: u32, i: u32) -> vec4f {
    var four = vec4f();
    for (var j = 0u; j < 4u; j++) {
        if (4u * i + j < fixed_or(WIDTH, params.width)) {
            four[j] = k[row * fixed_or(WIDTH, params.width) + 4u * i + j];
        }
    }
    return four;
}

/// Four numbers of a row of v, 0 beyond its width.
fn v_at(row: u32, i: u32) -> vec4f {
    var four = vec4f();
    for (var j = 0u; j < 4u; j++) {
        if (4u * i + j < fixed_or(VALUE_WIDTH, params.value_width)) {
            four[j] = v[row * fixed_or(VALUE_WIDTH, params.value_width) + 4u * i + j];
        }
    }
    return four;
}
