// m = the mean over all tokens of h.
@group(0) @binding(0) var<storage, read> input: array<vec4<f32>>; // [tokens, QUADS]
@group(0) @binding(1) var<storage, read_write> output: array<vec4<f32>>; // [QUADS]
@group(0) @binding(2) var<uniform> progress: Step;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= QUADS) { return; }
    var sum = vec4<f32>();
    for (var token = 0u; token < progress.tokens; token += 1u) { sum += input[token * QUADS + id.x]; }
    output[id.x] = sum / f32(progress.tokens);
}
