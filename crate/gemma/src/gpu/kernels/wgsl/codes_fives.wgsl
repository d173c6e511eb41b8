// 32 codes of 5 bits, 0 to 31: nibbles, and a word with the fifth bit of quad q in bit q of each byte.
fn M_words(u: u32) -> Words {
    let w = M_codes[u];
    let h = M_scales[u];
    return Words(
        low_of(w.x) | M_top(h << 4u), high_of(w.x) | M_top(h << 3u), low_of(w.y) | M_top(h << 2u), high_of(w.y) | M_top(h << 1u),
        low_of(w.z) | M_top(h), high_of(w.z) | M_top(h >> 1u), low_of(w.w) | M_top(h >> 2u), high_of(w.w) | M_top(h >> 3u),
    );
}
fn M_top(bits: u32) -> u32 { return bits & 0x10101010u; }
fn M_word(u: u32, q: u32) -> u32 { return low_of(M_codes[u][q >> 1u] >> (4u * (q & 1u))) | M_top((M_scales[u] >> q) << 4u); }
