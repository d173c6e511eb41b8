// An f16 scale and an f16 minimum per unit, in one word: W = d · code + m.
fn M_scale(u: u32) -> vec3<f32> {
    let word = M_scales[M_SCALES_AT + u];
    let d = half(word & 0xffffu);
    return vec3<f32>(d, d, half(word >> 16u));
}
