/// Writes four terms of one row of the partials.
fn store(first: u32, n: vec4u, terms: u32, sums: vec4f) {
    for (var j = 0u; j < 4u; j++) {
        if (n[j] < terms) {
            partials[first + n[j]] = sums[j];
        }
    }
}
