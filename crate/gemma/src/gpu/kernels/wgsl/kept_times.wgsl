// A result is multiplied by its own factor and stored.
@group(0) @binding(3) var<storage, read> factors: array<f32>; // [tokens, FACTOR_STRIDE]
fn kept(token: u32, row: u32, value: f32) -> f32 { return value * factors[token * FACTOR_STRIDE + row]; }
