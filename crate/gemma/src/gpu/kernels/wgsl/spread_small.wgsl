// Codes below 128: the sign of the word stays clear.
const M_POWERS: vec4<f32> = vec4<f32>(1.0, 0.00390625, 0.0000152587890625, 0.000000059604644775390625);
fn M_spread(word: u32) -> vec4<f32> { return floats(vec4<u32>(word) & vec4<u32>(0xffu, 0xff00u, 0xff0000u, 0xff000000u)); }
// They fit into signed bytes unchanged.
const M_FLIP: u32 = 0u;
const M_BEYOND: f32 = 0.0;
