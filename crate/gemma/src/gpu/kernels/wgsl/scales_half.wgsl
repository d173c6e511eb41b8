// One f16 scale per unit, two per word: W = d · (code − M_ZERO).
fn M_scale(u: u32) -> vec3<f32> {
    let d = half((M_scales[M_SCALES_AT + (u >> 1u)] >> (16u * (u & 1u))) & 0xffffu);
    return vec3<f32>(d, d, 0.0);
}
