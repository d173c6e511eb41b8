// Eight units share an f32 d; each half of a unit has a signed byte: W = d·sc · code.
fn M_scale(u: u32) -> vec3<f32> {
    let at = M_SCALES_AT + 5u * (u >> 3u);
    let both = M_scales[at + 1u + ((u & 7u) >> 1u)] >> (16u * (u & 1u));
    let signed = bitcast<vec2<i32>>(vec2<u32>(both << 24u, both << 16u)) >> vec2<u32>(24u);
    let d = bitcast<f32>(M_scales[at]) * vec2<f32>(signed);
    return vec3<f32>(d, 0.0);
}
