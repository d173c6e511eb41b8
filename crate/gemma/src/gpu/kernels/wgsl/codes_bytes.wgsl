// 32 codes of 8 bits with an offset of 128: two 16-byte loads.
fn M_words(u: u32) -> Words {
    let v = M_codes[2u * u];
    let w = M_codes[2u * u + 1u];
    return Words(v.x, v.y, v.z, v.w, w.x, w.y, w.z, w.w);
}
fn M_word(u: u32, q: u32) -> u32 { return M_codes[2u * u + (q >> 2u)][q & 3u]; }
