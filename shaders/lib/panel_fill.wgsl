/// Row a of the weights of channels o, o + LANES and so on, over channels c from `first` to `end`.
fn fill(taps: ptr<function, Taps>, a: u32, o: u32, first: u32, end: u32) {
    // 3 CHANNELS VECTORS / 4, in a form that keeps the loop a loop
    let fours = params.kernel_w * (CHANNELS / 4u) * VECTORS;
    for (var n = 0u; n < fours; n++) {
        let v = n % VECTORS;
        let term = n / VECTORS * 4u; // tap and channel
        let c = first + term % CHANNELS;
        let channel = min(o + v * LANES, params.out_c - 1u);
        let at = (channel * 9u + 3u * a + term / CHANNELS) * params.in_c + min(c, params.in_c - 4u);
        let weights = select(vec4f(), weight[at / 4u], c < end);
        (*taps)[term * VECTORS + v] = weights.x;
        (*taps)[(term + 1u) * VECTORS + v] = weights.y;
        (*taps)[(term + 2u) * VECTORS + v] = weights.z;
        (*taps)[(term + 3u) * VECTORS + v] = weights.w;
    }
}
