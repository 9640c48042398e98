/// floor(a / b) for b > 0
fn floor_div(a: i32, b: i32) -> i32 {
    let q = a / b;
    return select(q, q - 1, a - q * b < 0);
}
