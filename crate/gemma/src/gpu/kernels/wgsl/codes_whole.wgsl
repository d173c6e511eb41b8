// Four codes are converted to floats at their position in the word, because the vector is divided by the same powers of
// two: no code is shifted down, which is exact and cheaper.
fn M_raw(u: u32) -> Unit {
    let w = M_words(u);
    return Unit(M_spread(w.a), M_spread(w.b), M_spread(w.c), M_spread(w.d), M_spread(w.e), M_spread(w.f), M_spread(w.g), M_spread(w.h));
}
fn M_quad(u: u32, q: u32) -> vec4<f32> { return M_spread(M_word(u, q)); }
