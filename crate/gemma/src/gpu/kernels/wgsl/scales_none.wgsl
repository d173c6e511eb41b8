// Floats have no scale: W = code.
fn M_scale(u: u32) -> vec3<f32> { return vec3<f32>(1.0, 1.0, 0.0); }
