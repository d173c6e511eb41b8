// Four adjacent weights of a row, ready to be multiplied; after the last row the last one again.
fn M_at(row: u32, u: u32) -> u32 { return min(row, M_ROWS - 1u) * M_UNITS + u; }
fn M_weight(at: u32, q: u32, s: vec3<f32>) -> vec4<f32> {
    let scale = select(s.x, s.y, q > 3u);
    return M_quad(at, q) * (M_POWERS * scale) + (s.z - M_ZERO * scale);
}
