// The mean of the streams: (x₀ + Σ yᵢ · |x₀| / |yᵢ|) / STREAMS, normalised for the head.
@group(0) @binding(0) var<storage, read> projected: array<vec4<f32>>; // [STREAMS, STREAM], the first unused
@group(0) @binding(1) var<storage, read> streams: array<vec4<f32>>; // [STREAMS, STREAM]
@group(0) @binding(2) var<uniform> progress: Step;
@group(0) @binding(3) var<storage, read> next: array<vec4<f32>>; // [QUADS]
@group(0) @binding(4) var<storage, read_write> normed: array<vec4<f32>>; // [tokens, QUADS]

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let lane = local % LANES;
    let item = group.x * (WORKGROUP / LANES) + local / LANES;
    let live = item < progress.tokens;
    let at = min(item, progress.tokens - 1u) * QUADS;
    var squares = vec4<f32>();
    for (var i = lane; i < QUADS; i += LANES) { squares += streams[at + i] * streams[at + i]; }
    let own = sum_lanes(squares, local, local - lane, 1u);
    let wanted = own.x + own.y + own.z + own.w;
    var factors: array<f32, STREAMS>;
    for (var s = 1u; s < STREAMS; s += 1u) {
        let base = s * STREAM + at;
        squares = vec4<f32>();
        for (var i = lane; i < QUADS; i += LANES) { squares += projected[base + i] * projected[base + i]; }
        let other = sum_lanes(squares, local, local - lane, 1u);
        factors[s] = sqrt(wanted / (other.x + other.y + other.z + other.w));
    }
    squares = vec4<f32>();
    for (var i = lane; i < QUADS; i += LANES) {
        var sum = streams[at + i];
        for (var s = 1u; s < STREAMS; s += 1u) { sum += projected[s * STREAM + at + i] * factors[s]; }
        sum /= f32(STREAMS);
        squares += sum * sum;
        if (live) { normed[at + i] = sum; }
    }
    let all = sum_lanes(squares, local, local - lane, 1u);
    let outer = 1.0 / sqrt((all.x + all.y + all.z + all.w) / WIDTH + EPSILON);
    if (live) {
        // Each invocation reads only what it wrote itself.
        for (var i = lane; i < QUADS; i += LANES) { normed[at + i] *= outer * next[i]; }
    }
}
