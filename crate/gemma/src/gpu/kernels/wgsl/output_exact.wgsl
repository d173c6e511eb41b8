// Vectors are kept as they are.
alias Rounded = vec4<f32>;
fn rounded(v: vec4<f32>) -> Rounded { return v; }
