// The weights of a unit.
fn M_unit(u: u32, factor: f32) -> Unit {
    let w = M_raw(u);
    let s = M_scale(u) * factor;
    let x = M_POWERS * s.x;
    let y = M_POWERS * s.y;
    let low = s.z - M_ZERO * s.x;
    let high = s.z - M_ZERO * s.y;
    return Unit(w.a * x + low, w.b * x + low, w.c * x + low, w.d * x + low, w.e * y + high, w.f * y + high, w.g * y + high, w.h * y + high);
}
