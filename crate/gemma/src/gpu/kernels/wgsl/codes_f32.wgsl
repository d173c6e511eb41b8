// 32 floats: eight 16-byte loads.
fn M_four(at: u32) -> vec4<f32> { return bitcast<vec4<f32>>(M_codes[at]); }
fn M_raw(u: u32) -> Unit {
    let at = 8u * u;
    return Unit(M_four(at), M_four(at + 1u), M_four(at + 2u), M_four(at + 3u), M_four(at + 4u), M_four(at + 5u), M_four(at + 6u), M_four(at + 7u));
}
fn M_quad(u: u32, q: u32) -> vec4<f32> { return M_four(8u * u + q); }
