// Reads everything once, with four 16-byte loads per iteration: the limit to which products are compared. With CHUNK 0,
// adjacent invocations read adjacent words, which suits GPUs; otherwise each reads its own range, which suits CPUs.
@group(0) @binding(0) var<storage, read> input: array<vec4<u32>>; // [WORDS], a multiple of 4·THREADS
@group(0) @binding(1) var<storage, read_write> output: array<u32>; // [THREADS]

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let turns = WORDS / (4u * THREADS);
    let step = select(1u, THREADS, CHUNK == 0u);
    var at = select(id.x * CHUNK, id.x, CHUNK == 0u);
    var sum = vec4<u32>();
    for (var turn = 0u; turn < turns; turn += 1u) {
        sum += (input[at] ^ input[at + step]) + (input[at + 2u * step] ^ input[at + 3u * step]);
        at += 4u * step;
    }
    output[id.x] = sum.x ^ sum.y ^ sum.z ^ sum.w;
}
