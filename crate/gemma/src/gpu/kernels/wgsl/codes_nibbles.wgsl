// 32 codes of 4 bits, 0 to 15: one 16-byte load; the low halves of a word's bytes are four adjacent codes, the high
// halves the next four.
fn M_words(u: u32) -> Words {
    let w = M_codes[u];
    return Words(low_of(w.x), high_of(w.x), low_of(w.y), high_of(w.y), low_of(w.z), high_of(w.z), low_of(w.w), high_of(w.w));
}
fn M_word(u: u32, q: u32) -> u32 { return low_of(M_codes[u][q >> 1u] >> (4u * (q & 1u))); }
