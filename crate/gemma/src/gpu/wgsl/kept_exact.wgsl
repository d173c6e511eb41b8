// Vectors are kept as they are.
alias Kept = vec4<f32>;
fn kept(v: vec4<f32>) -> Kept { return v; }
