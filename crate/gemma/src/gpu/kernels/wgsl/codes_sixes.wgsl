// 32 codes of 6 bits with an offset of 32: nibbles, and two words, each with two bits of four quads in each byte.
fn M_words(u: u32) -> Words {
    let w = M_codes[u];
    let g = M_scales[2u * u];
    let h = M_scales[2u * u + 1u];
    return Words(
        low_of(w.x) | M_top(g << 4u), high_of(w.x) | M_top(g << 2u), low_of(w.y) | M_top(g), high_of(w.y) | M_top(g >> 2u),
        low_of(w.z) | M_top(h << 4u), high_of(w.z) | M_top(h << 2u), low_of(w.w) | M_top(h), high_of(w.w) | M_top(h >> 2u),
    );
}
fn M_top(bits: u32) -> u32 { return bits & 0x30303030u; }
fn M_word(u: u32, q: u32) -> u32 { return low_of(M_codes[u][q >> 1u] >> (4u * (q & 1u))) | M_top((M_scales[2u * u + (q >> 2u)] >> (2u * (q & 3u))) << 4u); }
