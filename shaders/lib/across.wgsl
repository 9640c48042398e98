/// The sum over the numbers of a vector.
fn across(four: vec4f) -> f32 { return (four.x + four.y) + (four.z + four.w); }
