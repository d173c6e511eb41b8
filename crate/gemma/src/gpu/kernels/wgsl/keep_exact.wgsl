fn keep(pair: u32, a: vec4<f32>, b: vec4<f32>) {
    input[2u * pair] = a;
    input[2u * pair + 1u] = b;
}
