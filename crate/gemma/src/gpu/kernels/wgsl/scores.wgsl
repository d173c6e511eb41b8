// s[t, head, i] = q̂[t, head] · k̂[first + i]: keys in x, heads in y, tokens in z.
@group(0) @binding(0) var<storage, read> queries: array<vec4<f32>>; // [tokens, QUERY_QUADS]
@group(0) @binding(1) var<storage, read_write> scores: array<f32>; // [tokens, HEADS, SCORE_STRIDE]
@group(0) @binding(2) var<uniform> progress: Step;
@group(0) @binding(3) var<storage, read> keys: array<vec4<f32>>; // [KV_HEADS, CAPACITY, QUADS]

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let lane = local % LANES;
    let item = group.x * (WORKGROUP / LANES) + local / LANES;
    let head = group.y;
    let token = group.z;
    let seen = visible(progress.position + token, progress.tokens);
    let slot = (seen.x + min(item, seen.y - 1u)) % CAPACITY;
    let key = ((head / GROUP) * CAPACITY + slot) * QUADS;
    let query = token * QUERY_QUADS + head * QUADS;
    var sum = vec4<f32>();
    for (var i = lane; i < QUADS; i += LANES) { sum += queries[query + i] * keys[key + i]; }
    let total = sum_lanes(sum, local, local - lane, 1u);
    if (lane == 0u && item < seen.y) {
        scores[(token * HEADS + head) * SCORE_STRIDE + item] = (total.x + total.y) + (total.z + total.w);
    }
}
