// The product of a unit of M and a unit of the vector: four products in halves, at most 512 together, then floats.
fn M_input(v: u32) -> Vector { return vector_at(v); }
fn M_dot(u: u32, v: Vector) -> f32 {
    let w = M_words(u);
    let s = M_scale(u);
    let less = f16(1024.0 + M_ZERO);
    let low = vec4<f32>(f32(dot(codes_of(w.a, less), v.a)), f32(dot(codes_of(w.b, less), v.b)), f32(dot(codes_of(w.c, less), v.c)), f32(dot(codes_of(w.d, less), v.d)));
    let high = vec4<f32>(f32(dot(codes_of(w.e, less), v.e)), f32(dot(codes_of(w.f, less), v.f)), f32(dot(codes_of(w.g, less), v.g)), f32(dot(codes_of(w.h, less), v.h)));
    return s.x * dot(low, v.scales) + s.y * dot(high, v.more) + s.z * v.sum;
}
