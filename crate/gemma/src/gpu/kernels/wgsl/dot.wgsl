// The product of a unit of M and a unit of the vector.
fn M_input(v: u32) -> Vector { return vector_at(v, M_POWERS); }
fn M_dot(u: u32, v: Vector) -> f32 {
    let w = M_raw(u);
    let s = M_scale(u);
    let low = (dot(w.a, v.x.a) + dot(w.b, v.x.b)) + (dot(w.c, v.x.c) + dot(w.d, v.x.d));
    let high = (dot(w.e, v.x.e) + dot(w.f, v.x.f)) + (dot(w.g, v.x.g) + dot(w.h, v.x.h));
    return s.x * (low - M_ZERO * v.sums.x) + s.y * (high - M_ZERO * v.sums.y) + s.z * (v.sums.x + v.sums.y);
}
