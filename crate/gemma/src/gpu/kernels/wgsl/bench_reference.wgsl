// y = W·x with 8-bit weights and a single scale, one invocation per four rows, no barrier: the plain kernel to which
// ours are compared on software adapters.
@group(0) @binding(0) var<storage, read> weights: array<u32>; // [ROWS, COLUMNS / 4]
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>; // [COLUMNS / 4]
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>; // [ROWS / 4]

fn bytes(word: u32) -> vec4<f32> { return vec4<f32>(bitcast<vec4<i32>>(vec4<u32>(word) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u)); }

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let words = COLUMNS / 4u;
    let row = id.x * 4u * words;
    var total = vec4<f32>();
    for (var i = 0u; i < words; i += 1u) {
        let x = input[i];
        total += vec4<f32>(
            dot(bytes(weights[row + i]), x),
            dot(bytes(weights[row + words + i]), x),
            dot(bytes(weights[row + 2u * words + i]), x),
            dot(bytes(weights[row + 3u * words + i]), x),
        );
    }
    output[id.x] = total * 0.0078125;
}
