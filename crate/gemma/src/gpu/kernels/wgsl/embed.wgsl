// x = E[token] · SCALE and h = rms(x) · w, for the tokens whose rows are in this shard of E.
@group(0) @binding(0) var<storage, read> tokens: array<u32>; // [tokens]
@group(0) @binding(1) var<storage, read_write> residual: array<vec4<f32>>; // [tokens, 8·UNITS]
@group(0) @binding(2) var<uniform> progress: Step;
@group(0) @binding(3) var<storage, read> weights: array<vec4<f32>>; // [8·UNITS]
@group(0) @binding(4) var<storage, read_write> normed: array<Rounded>; // [tokens, 8·UNITS]

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let items = WORKGROUP / LANES;
    let lane = local % LANES;
    let item = group.x * items + local / LANES;
    let token = min(item, progress.tokens - 1u);
    let row = tokens[token] - FIRST_ROW; // Wraps for rows before the shard, and is then too large.
    let live = item < progress.tokens && row < ROWS;
    let at = min(row, ROWS - 1u) * UNITS;
    let to = token * UNITS * 8u;
    var squares = vec4<f32>();
    for (var u = lane; u < UNITS; u += LANES) {
        let w = m0_unit(at + u, SCALE);
        squares += w.a * w.a + w.b * w.b + w.c * w.c + w.d * w.d + w.e * w.e + w.f * w.f + w.g * w.g + w.h * w.h;
        if (live) {
            let v = to + u * 8u;
            residual[v] = w.a;
            residual[v + 1u] = w.b;
            residual[v + 2u] = w.c;
            residual[v + 3u] = w.d;
            residual[v + 4u] = w.e;
            residual[v + 5u] = w.f;
            residual[v + 6u] = w.g;
            residual[v + 7u] = w.h;
        }
    }
    let total = sum_lanes(squares, local, local - lane, 1u);
    let factor = 1.0 / sqrt((total.x + total.y + total.z + total.w) / WIDTH + EPSILON);
    if (live) {
        // Each invocation reads only what it wrote itself.
        for (var u = lane; u < UNITS; u += LANES) {
            for (var i = u * 8u; i < u * 8u + 8u; i += 1u) { normed[to + i] = rounded(residual[to + i] * factor * weights[i]); }
        }
    }
}
