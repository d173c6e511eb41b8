// The topmost byte is shifted down by one, because its highest bit would be a sign.
const M_POWERS: vec4<f32> = vec4<f32>(1.0, 0.00390625, 0.0000152587890625, 0.0000152587890625);
fn M_spread(word: u32) -> vec4<f32> { return floats(vec4<u32>(word, word, word, word >> 8u) & vec4<u32>(0xffu, 0xff00u, 0xff0000u, 0xff0000u)); }
// As signed bytes they have an offset of 128.
const M_FLIP: u32 = 0x80808080u;
const M_BEYOND: f32 = 128.0;
