// o = softmax(q̂·K̂ᵀ)·V for many tokens, without a barrier and without storing scores: an invocation reads the
// keys of one head of one token eight at a time, and rescales its sums when it finds a larger score. Tokens in x, heads
// in y.
@group(0) @binding(0) var<storage, read> queries: array<vec4<f32>>; // [tokens, QUERY_QUADS]
@group(0) @binding(1) var<storage, read_write> output: array<vec4<f32>>; // [tokens, OUT_QUADS]
@group(0) @binding(2) var<uniform> progress: Step;
@group(0) @binding(3) var<storage, read> keys: array<vec4<f32>>; // [KV_HEADS, CAPACITY, QUADS]
@group(0) @binding(4) var<storage, read> values: array<vec4<f32>>; // [KV_HEADS, CAPACITY, QUADS]

fn tile_max(a: vec4<f32>, b: vec4<f32>) -> f32 {
    let m = max(a, b);
    return max(max(m.x, m.y), max(m.z, m.w));
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let head = progress.first + group.y;
    let last = progress.tokens - 1u;
    let begin = group.x * WORKGROUP;
    let token = min(begin + local, last);
    let seen = visible(progress.position + token, progress.tokens);
    // All invocations of a workgroup read the same keys, and so the same words.
    let first = visible(progress.position + begin, progress.tokens).x;
    let final_token = visible(progress.position + min(begin + WORKGROUP - 1u, last), progress.tokens);
    let end = final_token.x + final_token.y;
    let base = (head / GROUP) * CAPACITY;
    let query = token * QUERY_QUADS + head * QUADS;
    var mixed: array<vec4<f32>, QUADS>;
    for (var i = 0u; i < QUADS; i += 1u) { mixed[i] = vec4<f32>(); }
    var most = -3.0e38;
    var weight = 0.0;
    for (var key = first; key < end; key += 8u) {
        // In place of keys after the end, the last one is read and dropped, because the memory there may contain NaN.
        let near = (base + min(key + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(end - 1u)) % CAPACITY) * QUADS;
        let far = (base + min(key + vec4<u32>(4u, 5u, 6u, 7u), vec4<u32>(end - 1u)) % CAPACITY) * QUADS;
        var a = vec4<f32>();
        var b = vec4<f32>();
        for (var i = 0u; i < QUADS; i += 1u) {
            let q = queries[query + i];
            a += vec4<f32>(dot(q, keys[near.x + i]), dot(q, keys[near.y + i]), dot(q, keys[near.z + i]), dot(q, keys[near.w + i]));
            b += vec4<f32>(dot(q, keys[far.x + i]), dot(q, keys[far.y + i]), dot(q, keys[far.z + i]), dot(q, keys[far.w + i]));
        }
        // The first key of the span may be after this one's: the difference wraps and is too large.
        let in_a = (vec4<u32>(key, key + 1u, key + 2u, key + 3u) - seen.x) < vec4<u32>(seen.y);
        let in_b = (vec4<u32>(key + 4u, key + 5u, key + 6u, key + 7u) - seen.x) < vec4<u32>(seen.y);
        let top = max(most, tile_max(select(vec4<f32>(-3.0e38), a, in_a), select(vec4<f32>(-3.0e38), b, in_b)));
        let shrink = exp(most - top);
        most = top;
        let p = select(vec4<f32>(), exp(a - top), in_a);
        let r = select(vec4<f32>(), exp(b - top), in_b);
        weight = weight * shrink + ((p.x + p.y) + (p.z + p.w)) + ((r.x + r.y) + (r.z + r.w));
        for (var i = 0u; i < QUADS; i += 1u) {
            mixed[i] = mixed[i] * shrink
                + ((p.x * values[near.x + i] + p.y * values[near.y + i]) + (p.z * values[near.z + i] + p.w * values[near.w + i]))
                + ((r.x * values[far.x + i] + r.y * values[far.y + i]) + (r.z * values[far.z + i] + r.w * values[far.w + i]));
        }
    }
    if (begin + local <= last) {
        let to = token * OUT_QUADS + head * QUADS;
        for (var i = 0u; i < QUADS; i += 1u) { output[to + i] = mixed[i] / weight; }
    }
}
