// A unit is 32 weights of one row: W[row, 32·u + i] = (code[i] − ZERO) · scale + offset, one scale for
// each half of the unit. The formats' `M_raw` gives codes divided by `M_POWERS`, `M_scale` the rest.
struct Unit { a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>, e: vec4<f32>, f: vec4<f32>, g: vec4<f32>, h: vec4<f32> }

// The same as integers, four adjacent ones per word.
struct Words { a: u32, b: u32, c: u32, d: u32, e: u32, f: u32, g: u32, h: u32 }

fn low_of(word: u32) -> u32 { return word & 0x0f0f0f0fu; }
fn high_of(word: u32) -> u32 { return (word >> 4u) & 0x0f0f0f0fu; }

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
