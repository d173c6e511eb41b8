// Stores four results, of which `left` are needed and the others must not count.
@group(0) @binding(1) var<storage, read_write> output: array<Rounded>; // [OUT_STRIDE / 4]
fn store(at: u32, left: u32, total: vec4<f32>) {
    if (left > 0u) { output[at / 4u] = rounded(select(vec4<f32>(), total, vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(left))); }
}
