// Eight units share f16 d and dmin; each has a 6-bit scale and a 6-bit minimum, as two bytes:
// W = d·sc · code − dmin·mn. Both products are exact in f32.
fn M_scale(u: u32) -> vec3<f32> {
    let at = M_SCALES_AT + 5u * (u >> 3u);
    let halves = M_scales[at];
    let both = M_scales[at + 1u + ((u & 7u) >> 1u)] >> (16u * (u & 1u));
    let d = half(halves & 0xffffu) * f32(both & 0xffu);
    return vec3<f32>(d, d, -half(halves >> 16u) * f32((both >> 8u) & 0xffu));
}
