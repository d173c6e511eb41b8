// q̂ = rope(rms(q) · w_q) · QUERY_SCALE; k̂ = rope(rms(k) · w_k) and v, normalised with NORMS_VALUES, are stored
// in their slot of the cache. A layer without its own keys (KV_HEADS = 0) has queries only; if values are keys before
// their norm, the heads of v are those of k. rope rotates the pairs (j, j + DIM/2) by an angle; cos and sin of position
// 64a + b are computed from those of 64a and of b, so that two short tables, exact to f32, are enough for any context.
@group(0) @binding(0) var<storage, read> input: array<f32>; // [tokens, IN_STRIDE]: heads of q, of k, of v unless equal to k
@group(0) @binding(1) var<storage, read_write> queries: array<f32>; // [tokens, QUERY_STRIDE]
@group(0) @binding(2) var<uniform> progress: Step;
@group(0) @binding(3) var<storage, read> norms: array<f32>; // [2, DIM]
@group(0) @binding(4) var<storage, read> angles: array<vec2<f32>>; // [COARSE + 64, DIM / 2]
@group(0) @binding(5) var<storage, read_write> keys: array<f32>; // [KV_HEADS, CAPACITY, DIM]
@group(0) @binding(6) var<storage, read_write> values: array<f32>; // [KV_HEADS, CAPACITY, DIM]

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let pairs = DIM / 2u;
    let all = HEADS + 2u * KV_HEADS;
    let lane = local % LANES;
    let item = group.x * (WORKGROUP / LANES) + local / LANES;
    let live = item < progress.tokens * all;
    let token = min(item / all, progress.tokens - 1u);
    let head = item % all;
    let source = select(head, head - KV_HEADS, VALUES_ARE_KEYS && head >= HEADS + KV_HEADS);
    let start = token * IN_STRIDE + source * DIM;
    let position = progress.position + token;
    let slot = position % CAPACITY;
    var squares = 0.0;
    for (var j = lane; j < pairs; j += LANES) {
        let a = input[start + j];
        let b = input[start + j + pairs];
        squares += a * a + b * b;
    }
    let total = sum_lanes(vec4<f32>(squares), local, local - lane, 1u).x;
    let factor = 1.0 / sqrt(total / f32(DIM) + EPSILON);
    if (!live) { return; }
    if (head >= HEADS + KV_HEADS) {
        let to = ((head - HEADS - KV_HEADS) * CAPACITY + slot) * DIM;
        for (var j = lane; j < DIM; j += LANES) { values[to + j] = input[start + j] * select(1.0, factor, NORMS_VALUES); }
        return;
    }
    let is_key = head >= HEADS;
    let weights = select(0u, DIM, is_key);
    let key_to = ((head - HEADS) * CAPACITY + slot) * DIM;
    let query_to = token * QUERY_STRIDE + head * DIM;
    for (var j = lane; j < pairs; j += LANES) {
        let coarse = angles[(position / 64u) * pairs + j];
        let fine = angles[(COARSE + position % 64u) * pairs + j];
        let turn = vec2<f32>(coarse.x * fine.x - coarse.y * fine.y, coarse.y * fine.x + coarse.x * fine.y);
        let a = input[start + j] * factor * norms[weights + j];
        let b = input[start + j + pairs] * factor * norms[weights + j + pairs];
        let x = a * turn.x - b * turn.y;
        let y = b * turn.x + a * turn.y;
        if (is_key) {
            keys[key_to + j] = x;
            keys[key_to + j + pairs] = y;
        } else {
            queries[query_to + j] = x * QUERY_SCALE;
            queries[query_to + j + pairs] = y * QUERY_SCALE;
        }
    }
}
