// A unit of the vector as `output_bytes.wgsl` writes it, and Σx of each of its halves.
const UNIT_WORDS: u32 = 4u;
struct Vector { low: vec4<u32>, high: vec4<u32>, scales: vec4<f32>, more: vec4<f32>, sums: vec2<f32> }
fn dots(w: vec4<u32>, x: vec4<u32>, scales: vec4<f32>) -> f32 {
    return dot(vec4<f32>(vec4<i32>(dot4I8Packed(w.x, x.x), dot4I8Packed(w.y, x.y), dot4I8Packed(w.z, x.z), dot4I8Packed(w.w, x.w))), scales);
}
fn vector_at(v: u32) -> Vector {
    let a = input[v];
    let b = input[v + 1u];
    let c = input[v + 2u];
    let d = input[v + 3u];
    let low = vec4<u32>(a.x, a.z, b.x, b.z);
    let high = vec4<u32>(c.x, c.z, d.x, d.z);
    let scales = bitcast<vec4<f32>>(vec4<u32>(a.y, a.w, b.y, b.w));
    let more = bitcast<vec4<f32>>(vec4<u32>(c.y, c.w, d.y, d.w));
    let ones = vec4<u32>(0x01010101u);
    return Vector(low, high, scales, more, vec2<f32>(dots(ones, low, scales), dots(ones, high, more)));
}
