// 32 codes of 8 bits, −128 to 127: two 16-byte loads.
fn M_bytes(word: u32) -> vec4<f32> { return vec4<f32>(bitcast<vec4<i32>>(vec4<u32>(word) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u)); }
fn M_unit(u: u32) -> Unit {
    let v = M_codes[2u * u];
    let w = M_codes[2u * u + 1u];
    return Unit(M_bytes(v.x), M_bytes(v.y), M_bytes(v.z), M_bytes(v.w), M_bytes(w.x), M_bytes(w.y), M_bytes(w.z), M_bytes(w.w));
}
fn M_quad(u: u32, q: u32) -> vec4<f32> { return M_bytes(M_codes[2u * u + (q >> 2u)][q & 3u]); }
