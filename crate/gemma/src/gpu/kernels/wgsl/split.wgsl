// Residual streams: x itself, and each projection of it scaled to its length.
@group(0) @binding(0) var<storage, read> residual: array<vec4<f32>>; // [tokens, QUADS]
@group(0) @binding(1) var<storage, read_write> streams: array<vec4<f32>>; // [STREAMS, STREAM]
@group(0) @binding(2) var<uniform> progress: Step;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let lane = local % LANES;
    let item = group.x * (WORKGROUP / LANES) + local / LANES;
    let live = item < progress.tokens;
    let at = min(item, progress.tokens - 1u) * QUADS;
    var squares = vec4<f32>();
    for (var i = lane; i < QUADS; i += LANES) {
        let x = residual[at + i];
        squares += x * x;
        if (live) { streams[at + i] = x; }
    }
    let own = sum_lanes(squares, local, local - lane, 1u);
    let wanted = own.x + own.y + own.z + own.w;
    for (var s = 1u; s < STREAMS; s += 1u) {
        let base = s * STREAM + at;
        squares = vec4<f32>();
        for (var i = lane; i < QUADS; i += LANES) { squares += streams[base + i] * streams[base + i]; }
        let other = sum_lanes(squares, local, local - lane, 1u);
        let factor = sqrt(wanted / (other.x + other.y + other.z + other.w));
        if (live) {
            for (var i = lane; i < QUADS; i += LANES) { streams[base + i] *= factor; }
        }
    }
}
