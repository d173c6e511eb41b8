// 32 half floats: four 16-byte loads. Unpacked by a core function, which needs no feature.
fn M_four(x: u32, y: u32) -> vec4<f32> { return vec4<f32>(unpack2x16float(x), unpack2x16float(y)); }
fn M_raw(u: u32) -> Unit {
    let a = M_codes[4u * u];
    let b = M_codes[4u * u + 1u];
    let c = M_codes[4u * u + 2u];
    let d = M_codes[4u * u + 3u];
    return Unit(M_four(a.x, a.y), M_four(a.z, a.w), M_four(b.x, b.y), M_four(b.z, b.w), M_four(c.x, c.y), M_four(c.z, c.w), M_four(d.x, d.y), M_four(d.z, d.w));
}
fn M_quad(u: u32, q: u32) -> vec4<f32> { return M_four(M_codes[4u * u + (q >> 1u)][2u * (q & 1u)], M_codes[4u * u + (q >> 1u)][2u * (q & 1u) + 1u]); }
