// Vectors are stored exactly.
alias Rounded = vec4<f32>;
fn rounded(v: vec4<f32>) -> Rounded { return v; }
