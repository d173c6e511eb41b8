// tanh by one exponential; the argument is clamped where the result rounds to ±1 in f32, because some drivers return
// NaN for large ones.
fn tanh_of(x: vec4<f32>) -> vec4<f32> {
    let bounded = clamp(x, vec4<f32>(-9.010913), vec4<f32>(9.010913));
    return 1.0 - 2.0 / (exp(2.0 * bounded) + 1.0);
}
// gelu(x) = x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))
fn gelu(x: vec4<f32>) -> vec4<f32> {
    return 0.5 * x * (1.0 + tanh_of(0.7978845608 * (x + 0.044715 * x * x * x)));
}
