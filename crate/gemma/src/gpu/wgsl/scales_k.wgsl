// Eight units share f32 d and dmin; each has a 6-bit scale and a 6-bit minimum, as two bytes:
// W = d·sc · code − dmin·mn. Both products are exact in f32.
fn M_scale(u: u32) -> vec3<f32> {
    let at = 6u * (u >> 3u);
    let both = M_scales[at + 2u + ((u & 7u) >> 1u)] >> (16u * (u & 1u));
    let d = bitcast<f32>(M_scales[at]) * f32(both & 0xffu);
    return vec3<f32>(d, d, -bitcast<f32>(M_scales[at + 1u]) * f32((both >> 8u) & 0xffu));
}
