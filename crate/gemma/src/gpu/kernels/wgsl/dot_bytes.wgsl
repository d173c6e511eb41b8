// The product of a unit of M and a unit of the vector. Codes beyond 127 are reduced by M_BEYOND.
fn M_input(v: u32) -> Vector { return vector_at(v); }
fn M_dot(u: u32, v: Vector) -> f32 {
    let w = M_words(u);
    let s = M_scale(u);
    let flip = vec4<u32>(M_FLIP);
    let low = dots(vec4<u32>(w.a, w.b, w.c, w.d) ^ flip, v.low, v.scales);
    let high = dots(vec4<u32>(w.e, w.f, w.g, w.h) ^ flip, v.high, v.more);
    let zero = M_ZERO - M_BEYOND;
    return s.x * (low - zero * v.sums.x) + s.y * (high - zero * v.sums.y) + s.z * (v.sums.x + v.sums.y);
}
