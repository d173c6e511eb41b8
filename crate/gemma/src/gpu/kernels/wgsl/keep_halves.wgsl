fn keep(pair: u32, a: vec4<f32>, b: vec4<f32>) {
    input[2u * pair] = rounded(a);
    input[2u * pair + 1u] = rounded(b);
}
