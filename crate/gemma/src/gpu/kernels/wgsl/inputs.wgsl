// Each layer's input of a token: (rms(p · SCALE) · w + row · ROW_SCALE) / √2, the norm over the layer's part.
@group(0) @binding(0) var<storage, read> projected: array<f32>; // [tokens, LAYERS, PART]
@group(0) @binding(1) var<storage, read_write> inputs: array<f32>; // [LAYERS, CHUNK, STRIDE]
@group(0) @binding(2) var<uniform> progress: Step;
@group(0) @binding(3) var<storage, read> rows: array<f32>; // [tokens, LAYERS, PART]
@group(0) @binding(4) var<storage, read> weights: array<f32>; // [PART]

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let lane = local % LANES;
    let item = group.x * (WORKGROUP / LANES) + local / LANES;
    let live = item < progress.tokens * LAYERS;
    let token = min(item / LAYERS, progress.tokens - 1u);
    let layer = item % LAYERS;
    let start = (token * LAYERS + layer) * PART;
    var squares = 0.0;
    for (var i = lane; i < PART; i += LANES) {
        let p = projected[start + i] * SCALE;
        squares += p * p;
    }
    let total = sum_lanes(vec4<f32>(squares), local, local - lane, 1u).x;
    let factor = SCALE / sqrt(total / f32(PART) + EPSILON);
    if (!live) { return; }
    let to = (layer * CHUNK + token) * STRIDE;
    for (var i = lane; i < PART; i += LANES) {
        inputs[to + i] = (projected[start + i] * factor * weights[i] + rows[start + i] * ROW_SCALE) * 0.70710678;
    }
}
