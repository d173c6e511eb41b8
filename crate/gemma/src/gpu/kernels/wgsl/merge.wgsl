// x = (x₀ + rms(o) · w_post + h + rms(low) · w_low) / √2; h = rms(x) · w_next.
@group(0) @binding(0) var<storage, read> branch: array<vec4<f32>>; // [tokens, QUADS]
@group(0) @binding(1) var<storage, read_write> residual: array<vec4<f32>>; // [tokens, QUADS]
@group(0) @binding(2) var<uniform> progress: Step;
@group(0) @binding(3) var<storage, read> weights: array<vec4<f32>>; // [QUADS] each: w_post, w_low, w_next
@group(0) @binding(4) var<storage, read> low: array<vec4<f32>>; // [tokens, QUADS]
@group(0) @binding(5) var<storage, read> streams: array<vec4<f32>>; // [STREAMS, STREAM]
@group(0) @binding(6) var<storage, read_write> normed: array<vec4<f32>>; // [tokens, QUADS]

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let lane = local % LANES;
    let item = group.x * (WORKGROUP / LANES) + local / LANES;
    let live = item < progress.tokens;
    let at = min(item, progress.tokens - 1u) * QUADS;
    var squares = vec4<f32>();
    var low_squares = vec4<f32>();
    for (var i = lane; i < QUADS; i += LANES) {
        squares += branch[at + i] * branch[at + i];
        low_squares += low[at + i] * low[at + i];
    }
    let first = sum_lanes(squares, local, local - lane, 1u);
    let second = sum_lanes(low_squares, local, local - lane, 1u);
    let inner = 1.0 / sqrt((first.x + first.y + first.z + first.w) / WIDTH + EPSILON);
    let lower = 1.0 / sqrt((second.x + second.y + second.z + second.w) / WIDTH + EPSILON);
    squares = vec4<f32>();
    if (live) {
        for (var i = lane; i < QUADS; i += LANES) {
            let attended = streams[at + i] + branch[at + i] * inner * weights[i];
            let x = (attended + normed[at + i] + low[at + i] * lower * weights[QUADS + i]) * 0.70710678;
            residual[at + i] = x;
            squares += x * x;
        }
    }
    let third = sum_lanes(squares, local, local - lane, 1u);
    let outer = 1.0 / sqrt((third.x + third.y + third.z + third.w) / WIDTH + EPSILON);
    if (live) {
        for (var i = lane; i < QUADS; i += LANES) { normed[at + i] = residual[at + i] * outer * weights[2u * QUADS + i]; }
    }
}
