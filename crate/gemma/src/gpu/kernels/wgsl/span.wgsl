// A single token's attention to a span of keys, for the heads of one kv head: a workgroup reads each key and each value
// once for all of them. It normalises and rotates the queries; the workgroup of the last span also computes the new
// key, and stores it in the cache with its value. Results are not divided by their weights yet; `intake_spans.wgsl`
// sums them. rope rotates the pairs (j, j + DIM/2) by an angle; cos and sin of position 64a + b come from those of 64a
// and of b.
@group(0) @binding(0) var<storage, read> input: array<vec4<f32>>; // heads of q, of k, of v unless they equal those of k
@group(0) @binding(1) var<storage, read_write> parts: array<vec4<f32>>; // [HEADS, SPANS, QUADS], then largest score and Σ exp of [HEADS, SPANS]
@group(0) @binding(2) var<uniform> progress: Step;
@group(0) @binding(3) var<storage, read> norms: array<vec4<f32>>; // [2, QUADS]
@group(0) @binding(4) var<storage, read> angles: array<vec4<f32>>; // [COARSE + 64, QUADS]: cos, sin, cos, sin
@group(0) @binding(5) var<storage, read_write> keys: array<vec4<f32>>; // [KV_HEADS, CAPACITY, QUADS]
@group(0) @binding(6) var<storage, read_write> values: array<vec4<f32>>; // [KV_HEADS, CAPACITY, QUADS]

// Four heads at a time, one per component.
const FOURS: u32 = (GROUP + 3u) / 4u;
const HALF: u32 = QUADS / 2u;
const PARTS: u32 = WORKGROUP / QUADS;

var<workgroup> query: array<vec4<f32>, 4 * FOURS * QUADS>;
var<workgroup> weights: array<vec4<f32>, BLOCK * FOURS>;

struct Turned { a: vec4<f32>, b: vec4<f32> }
// Quads q and q + HALF of a head, rotated by their angles.
fn turned(position: u32, q: u32, a: vec4<f32>, b: vec4<f32>) -> Turned {
    let coarse = position / 64u * QUADS + 2u * q;
    let fine = (COARSE + position % 64u) * QUADS + 2u * q;
    let c = vec4<f32>(angles[coarse].xz, angles[coarse + 1u].xz);
    let s = vec4<f32>(angles[coarse].yw, angles[coarse + 1u].yw);
    let d = vec4<f32>(angles[fine].xz, angles[fine + 1u].xz);
    let t = vec4<f32>(angles[fine].yw, angles[fine + 1u].yw);
    let cosine = c * d - s * t;
    let sine = s * d + c * t;
    return Turned(a * cosine - b * sine, b * cosine + a * sine);
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let position = progress.position;
    let seen = visible(position, 1u);
    let span = span_of(seen.y);
    let start = group.x * span;
    let end = min(start + span, seen.y);
    let head = group.y * GROUP;
    for (var f = 0u; f < FOURS; f += 1u) {
        var squares = vec4<f32>();
        for (var q = local; q < QUADS; q += WORKGROUP) {
            for (var h = 0u; h < min(4u, GROUP - 4u * f); h += 1u) {
                let a = input[(head + 4u * f + h) * QUADS + q];
                squares[h] += dot(a, a);
            }
        }
        let factors = QUERY_SCALE / sqrt(sum_all(squares, local) / f32(4u * QUADS) + EPSILON);
        for (var i = local; i < 4u * HALF; i += WORKGROUP) {
            let h = 4u * f + i / HALF;
            let q = i % HALF;
            let to = h * QUADS + q;
            var both = Turned();
            if (h < GROUP) {
                let own = (head + h) * QUADS + q;
                both = turned(position, q, input[own] * factors[i / HALF] * norms[q], input[own + HALF] * factors[i / HALF] * norms[q + HALF]);
            }
            query[to] = both.a;
            query[to + HALF] = both.b;
        }
    }
    let cache = group.y * CAPACITY;
    if (OWN && end == seen.y) {
        let key = (HEADS + group.y) * QUADS;
        let value = select(key + KV_HEADS * QUADS, key, VALUES_ARE_KEYS);
        let to = (cache + position % CAPACITY) * QUADS;
        var squares = vec4<f32>();
        for (var q = local; q < QUADS; q += WORKGROUP) {
            let a = input[key + q];
            let b = input[value + q];
            squares += vec4<f32>(dot(a, a), dot(b, b), 0.0, 0.0);
        }
        let factors = 1.0 / sqrt(sum_all(squares, local) / f32(4u * QUADS) + EPSILON);
        for (var q = local; q < HALF; q += WORKGROUP) {
            let both = turned(position, q, input[key + q] * factors.x * norms[QUADS + q], input[key + q + HALF] * factors.x * norms[QUADS + q + HALF]);
            keys[to + q] = both.a;
            keys[to + q + HALF] = both.b;
        }
        for (var q = local; q < QUADS; q += WORKGROUP) { values[to + q] = input[value + q] * select(1.0, factors.y, NORMS_VALUES); }
    }
    storageBarrier();
    workgroupBarrier();
    let lane = local % LANES;
    let column = local % QUADS;
    let part = local / QUADS;
    var most: array<vec4<f32>, FOURS>;
    var sums: array<vec4<f32>, FOURS>;
    var totals: array<vec4<f32>, 4 * FOURS>;
    for (var f = 0u; f < FOURS; f += 1u) { most[f] = vec4<f32>(-3.0e38); }
    for (var first = start; first < end; first += BLOCK) {
        for (var row = 0u; row < BLOCK; row += WORKGROUP / LANES) {
            let r = row + local / LANES;
            let key = (cache + (seen.x + min(first + r, end - 1u)) % CAPACITY) * QUADS;
            for (var f = 0u; f < FOURS; f += 1u) {
                var mine = vec4<f32>();
                for (var q = lane; q < QUADS; q += LANES) {
                    let k = keys[key + q];
                    let at = 4u * f * QUADS + q;
                    mine += vec4<f32>(dot(query[at], k), dot(query[at + QUADS], k), dot(query[at + 2u * QUADS], k), dot(query[at + 3u * QUADS], k));
                }
                let total = sum_lanes(mine, local, local - lane, 1u);
                if (lane == 0u) { weights[r * FOURS + f] = select(vec4<f32>(-3.0e38), total, first + r < end); }
            }
        }
        workgroupBarrier();
        for (var f = 0u; f < FOURS; f += 1u) {
            var now = most[f];
            for (var r = 0u; r < BLOCK; r += 1u) { now = max(now, weights[r * FOURS + f]); }
            let shrink = exp(most[f] - now);
            most[f] = now;
            sums[f] *= shrink;
            for (var h = 0u; h < 4u; h += 1u) { totals[4u * f + h] *= shrink[h]; }
        }
        workgroupBarrier();
        for (var i = local; i < BLOCK * FOURS; i += WORKGROUP) { weights[i] = exp(weights[i] - most[i % FOURS]); }
        workgroupBarrier();
        // Invocations after the last whole part repeat a share that does not count.
        for (var r = part; r < BLOCK; r += PARTS) {
            let v = values[(cache + (seen.x + min(first + r, end - 1u)) % CAPACITY) * QUADS + column];
            for (var f = 0u; f < FOURS; f += 1u) {
                let w = weights[r * FOURS + f];
                sums[f] += w;
                for (var h = 0u; h < 4u; h += 1u) { totals[4u * f + h] += w[h] * v; }
            }
        }
        workgroupBarrier();
    }
    for (var h = 0u; h < GROUP; h += 1u) {
        workgroupBarrier();
        shared_lanes[local] = totals[h];
        workgroupBarrier();
        if (part == 0u) {
            var total = totals[h];
            for (var p = 1u; p < PARTS; p += 1u) { total += shared_lanes[local + p * QUADS]; }
            parts[((head + h) * SPANS + group.x) * QUADS + column] = total;
        }
    }
    for (var f = 0u; f < FOURS; f += 1u) {
        workgroupBarrier();
        shared_lanes[local] = sums[f];
        workgroupBarrier();
        if (local < min(4u, GROUP - 4u * f)) {
            var sum = 0.0;
            for (var p = 0u; p < PARTS; p += 1u) { sum += shared_lanes[p * QUADS][local]; }
            parts[HEADS * SPANS * QUADS + (head + 4u * f + local) * SPANS + group.x] = vec4<f32>(most[f][local], sum, 0.0, 0.0);
        }
    }
}
