// A unit of the vector as `output_halves.wgsl` writes it, and Σx over it.
const UNIT_WORDS: u32 = 8u;
struct Vector {
    a: vec4<f16>, b: vec4<f16>, c: vec4<f16>, d: vec4<f16>, e: vec4<f16>, f: vec4<f16>, g: vec4<f16>, h: vec4<f16>,
    scales: vec4<f32>, more: vec4<f32>, sum: f32,
}
fn quad_of(v: vec4<u32>) -> vec4<f16> { return vec4<f16>(halves(v.x), halves(v.y)); }
// A code c below 1024 behind these bits is 1024 + c. First, third, second, fourth, as in the vector.
fn codes_of(word: u32, less: f16) -> vec4<f16> {
    let even = halves((word & 0x00ff00ffu) | 0x64006400u);
    let odd = halves(((word >> 8u) & 0x00ff00ffu) | 0x64006400u);
    return vec4<f16>(even, odd) - vec4<f16>(less);
}
fn vector_at(v: u32) -> Vector {
    let a = input[v];
    let b = input[v + 1u];
    let c = input[v + 2u];
    let d = input[v + 3u];
    let e = input[v + 4u];
    let f = input[v + 5u];
    let g = input[v + 6u];
    let h = input[v + 7u];
    let scales = bitcast<vec4<f32>>(vec4<u32>(a.z, b.z, c.z, d.z));
    let more = bitcast<vec4<f32>>(vec4<u32>(e.z, f.z, g.z, h.z));
    let sums = bitcast<vec4<f32>>(vec4<u32>(a.w, b.w, c.w, d.w)) + bitcast<vec4<f32>>(vec4<u32>(e.w, f.w, g.w, h.w));
    let sum = (sums.x + sums.y) + (sums.z + sums.w);
    return Vector(quad_of(a), quad_of(b), quad_of(c), quad_of(d), quad_of(e), quad_of(f), quad_of(g), quad_of(h), scales, more, sum);
}
