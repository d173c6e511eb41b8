// 32 codes of 4 bits, 0 to 15: one 16-byte load; code i of a word stands in its bits 4i to 4i + 3.
fn M_low(word: u32) -> vec4<f32> { return floats((vec4<u32>(word) >> vec4<u32>(0u, 4u, 8u, 12u)) & vec4<u32>(15u)); }
fn M_high(word: u32) -> vec4<f32> { return floats((vec4<u32>(word) >> vec4<u32>(16u, 20u, 24u, 28u)) & vec4<u32>(15u)); }
fn M_unit(u: u32) -> Unit {
    let w = M_codes[u];
    return Unit(M_low(w.x), M_high(w.x), M_low(w.y), M_high(w.y), M_low(w.z), M_high(w.z), M_low(w.w), M_high(w.w));
}
fn M_quad(u: u32, q: u32) -> vec4<f32> { return M_low(M_codes[u][q >> 1u] >> (16u * (q & 1u))); }
