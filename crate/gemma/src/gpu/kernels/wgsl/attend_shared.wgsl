// o = softmax(q̂·K̂ᵀ)·V for eight tokens of one head per workgroup, without storing scores: 32 keys at a time,
// and a larger score rescales the sums. Tokens in x, heads in y.
@group(0) @binding(0) var<storage, read> queries: array<vec4<f32>>; // [tokens, QUERY_QUADS]
@group(0) @binding(1) var<storage, read_write> output: array<vec4<f32>>; // [tokens, OUT_QUADS]
@group(0) @binding(2) var<uniform> progress: Step;
@group(0) @binding(3) var<storage, read> keys: array<vec4<f32>>; // [KV_HEADS, CAPACITY, QUADS]
@group(0) @binding(4) var<storage, read> values: array<vec4<f32>>; // [KV_HEADS, CAPACITY, QUADS]

// Quads of the head that an invocation adds up.
const OWN: u32 = (QUADS + 63u) / 64u;

var<workgroup> weights: array<f32, 256>; // [32 keys, 8 tokens]: scores, then exponentials
var<workgroup> tops: array<f32, 8>; // the largest score so far
var<workgroup> sums: array<f32, 8>; // Σ exp
var<workgroup> shrinks: array<f32, 8>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let head = progress.first + group.y;
    let last = progress.tokens - 1u;
    let begin = group.x * 8u;
    let first = visible(progress.position + begin, progress.tokens).x;
    let final_token = visible(progress.position + min(begin + 7u, last), progress.tokens);
    let end = final_token.x + final_token.y;
    let base = (head / GROUP) * CAPACITY;
    // Eight invocations compute a token's scores: adjacent ones read adjacent keys.
    let token = min(begin + local % 8u, last);
    let seen = visible(progress.position + token, progress.tokens);
    let query = token * QUERY_QUADS + head * QUADS;
    if (local < 8u) {
        tops[local] = -3.0e38;
        sums[local] = 0.0;
    }
    var mixed: array<vec4<f32>, 8u * OWN>;
    for (var i = 0u; i < 8u * OWN; i += 1u) { mixed[i] = vec4<f32>(); }
    for (var key = first; key < end; key += 32u) {
        workgroupBarrier();
        for (var k = local / 8u; k < 32u; k += 8u) {
            let at = (base + (key + k) % CAPACITY) * QUADS;
            var sum = vec4<f32>();
            for (var i = 0u; i < QUADS; i += 1u) { sum += queries[query + i] * keys[at + i]; }
            // A key before the first one wraps and is too large.
            let is_seen = key + k - seen.x < seen.y;
            weights[k * 8u + local % 8u] = select(-3.0e38, (sum.x + sum.y) + (sum.z + sum.w), is_seen);
        }
        workgroupBarrier();
        if (local < 8u) {
            let before = tops[local];
            var top = before;
            for (var k = 0u; k < 32u; k += 1u) { top = max(top, weights[k * 8u + local]); }
            let shrink = exp(before - top);
            var sum = sums[local] * shrink;
            for (var k = 0u; k < 32u; k += 1u) {
                let score = weights[k * 8u + local];
                let e = select(0.0, exp(score - top), score > -2.9e38);
                weights[k * 8u + local] = e;
                sum += e;
            }
            tops[local] = top;
            sums[local] = sum;
            shrinks[local] = shrink;
        }
        workgroupBarrier();
        for (var o = 0u; o < OWN; o += 1u) {
            let quad = min(local + 64u * o, QUADS - 1u);
            for (var t = 0u; t < 8u; t += 1u) { mixed[8u * o + t] *= shrinks[t]; }
            for (var k = 0u; k < min(32u, end - key); k += 1u) {
                let value = values[(base + (key + k) % CAPACITY) * QUADS + quad];
                for (var t = 0u; t < 8u; t += 1u) { mixed[8u * o + t] += weights[k * 8u + t] * value; }
            }
        }
    }
    workgroupBarrier();
    for (var o = 0u; o < OWN; o += 1u) {
        let quad = local + 64u * o;
        for (var t = 0u; t < 8u; t += 1u) {
            if (quad < QUADS && begin + t <= last) { output[(begin + t) * OUT_QUADS + head * QUADS + quad] = mixed[8u * o + t] / sums[t]; }
        }
    }
}
