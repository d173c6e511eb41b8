// o[t, head] = Σ softmax(s)[i] · v[first + i], for SLICE quads of the head's values per item. The lanes of an item
// take every LANES-th key; adjacent invocations in a workgroup take adjacent values.
@group(0) @binding(0) var<storage, read> scores: array<f32>; // [tokens, HEADS, SCORE_STRIDE]
@group(0) @binding(1) var<storage, read_write> output: array<Rounded>; // [tokens, OUT_QUADS]
@group(0) @binding(2) var<uniform> progress: Step;
@group(0) @binding(3) var<storage, read> values: array<vec4<f32>>; // [KV_HEADS, CAPACITY, QUADS]

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let items = WORKGROUP / LANES;
    let lane = local / items;
    let item = group.x * items + local % items;
    let parts = QUADS / SLICE;
    let head = min(item / parts, HEADS - 1u);
    let part = (item % parts) * SLICE;
    let token = group.z;
    let seen = visible(progress.position + token, progress.tokens);
    let score = (token * HEADS + head) * SCORE_STRIDE;
    let value = (head / GROUP) * CAPACITY;
    var most = -3.0e38;
    for (var i = lane; i < seen.y; i += LANES) { most = max(most, scores[score + i]); }
    most = max_lanes(most, local, local % items, items);
    var weight = 0.0;
    var a = vec4<f32>();
    var b = vec4<f32>();
    var c = vec4<f32>();
    var d = vec4<f32>();
    for (var i = lane; i < seen.y; i += LANES) {
        let e = exp(scores[score + i] - most);
        let at = (value + (seen.x + i) % CAPACITY) * QUADS + part;
        weight += e;
        a += e * values[at];
        if (SLICE > 1u) {
            b += e * values[at + 1u];
            c += e * values[at + 2u];
            d += e * values[at + 3u];
        }
    }
    weight = sum_lanes(vec4<f32>(weight), local, local % items, items).x;
    a = sum_lanes(a, local, local % items, items);
    if (SLICE > 1u) {
        b = sum_lanes(b, local, local % items, items);
        c = sum_lanes(c, local, local % items, items);
        d = sum_lanes(d, local, local % items, items);
    }
    if (lane == 0u && item < HEADS * parts) {
        let to = token * OUT_QUADS + head * QUADS + part;
        output[to] = rounded(a / weight);
        if (SLICE > 1u) {
            output[to + 1u] = rounded(b / weight);
            output[to + 2u] = rounded(c / weight);
            output[to + 3u] = rounded(d / weight);
        }
    }
}
