// A unit of the vector, and Σx of each of its halves: a unit's offset is the same for all its weights.
const UNIT_WORDS: u32 = 8u;
struct Vector { x: Unit, sums: vec2<f32> }
fn sum_of(a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>) -> f32 {
    let s = (a + b) + (c + d);
    return (s.x + s.y) + (s.z + s.w);
}
fn vector_at(v: u32, p: vec4<f32>) -> Vector {
    let a = input[v];
    let b = input[v + 1u];
    let c = input[v + 2u];
    let d = input[v + 3u];
    let e = input[v + 4u];
    let f = input[v + 5u];
    let g = input[v + 6u];
    let h = input[v + 7u];
    let sums = vec2<f32>(sum_of(a, b, c, d), sum_of(e, f, g, h));
    return Vector(Unit(a * p, b * p, c * p, d * p, e * p, f * p, g * p, h * p), sums);
}
