// x = (x + rms(o) · w_post) · scale, if there is one; h = rms(x) · w_next, if requested.
@group(0) @binding(0) var<storage, read> branch: array<vec4<f32>>; // [tokens, QUADS]
@group(0) @binding(1) var<storage, read_write> residual: array<vec4<f32>>; // [tokens, QUADS]
@group(0) @binding(2) var<uniform> progress: Step;
@group(0) @binding(3) var<storage, read> post: array<vec4<f32>>; // [QUADS], then the scale
@group(0) @binding(4) var<storage, read> next: array<vec4<f32>>; // [QUADS]
@group(0) @binding(5) var<storage, read_write> normed: array<Rounded>; // [tokens, QUADS]

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let items = WORKGROUP / LANES;
    let lane = local % LANES;
    let item = group.x * items + local / LANES;
    let live = item < progress.tokens;
    let at = min(item, progress.tokens - 1u) * QUADS;
    var squares = vec4<f32>();
    for (var i = lane; i < QUADS; i += LANES) {
        let o = branch[at + i];
        squares += o * o;
    }
    let first = sum_lanes(squares, local, local - lane, 1u);
    let inner = 1.0 / sqrt((first.x + first.y + first.z + first.w) / WIDTH + EPSILON);
    squares = vec4<f32>();
    if (live) {
        for (var i = lane; i < QUADS; i += LANES) {
            var x = residual[at + i] + branch[at + i] * inner * post[i];
            if (SCALES) { x *= post[QUADS].x; }
            residual[at + i] = x;
            squares += x * x;
        }
    }
    if (!NORMS) { return; }
    let second = sum_lanes(squares, local, local - lane, 1u);
    let outer = 1.0 / sqrt((second.x + second.y + second.z + second.w) / WIDTH + EPSILON);
    if (live) {
        for (var i = lane; i < QUADS; i += LANES) { normed[at + i] = rounded(residual[at + i] * outer * next[i]); }
    }
}
