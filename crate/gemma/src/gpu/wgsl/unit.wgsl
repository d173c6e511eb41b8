// A unit is 32 weights of one row, as the formats' `M_unit` give them:
// W[row, 32·u + i] = code[i] · scale + offset, one scale for each half of the unit.
struct Unit { a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>, e: vec4<f32>, f: vec4<f32>, g: vec4<f32>, h: vec4<f32> }

// Signed conversion: on software adapters the unsigned one takes several instructions.
fn floats(codes: vec4<u32>) -> vec4<f32> { return vec4<f32>(bitcast<vec4<i32>>(codes)); }

// An f16 by its bits. `unpack2x16float` may flush subnormals, which small scales are.
fn half(bits: u32) -> f32 {
    let magnitude = bits & 0x7fffu;
    let normal = bitcast<f32>((magnitude << 13u) + 0x38000000u);
    let subnormal = f32(magnitude) * 5.9604644775390625e-8;
    let value = select(subnormal, normal, magnitude >= 0x0400u);
    return select(value, -value, (bits & 0x8000u) != 0u);
}
