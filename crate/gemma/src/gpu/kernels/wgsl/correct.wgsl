// y = x + rms(o) · w_post; xᵢ += (1 + cᵢ) · (y − x₀), c = coefficients · route(y); h = x₀ · w_next.
@group(0) @binding(0) var<storage, read> branch: array<vec4<f32>>; // [tokens, QUADS]
@group(0) @binding(1) var<storage, read_write> residual: array<vec4<f32>>; // [tokens, QUADS]: x, then y
@group(0) @binding(2) var<uniform> progress: Step;
// [QUADS] each: w_post; of the router; the router's STREAMS rows; w_next
@group(0) @binding(3) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> coefficients: array<f32>; // [STREAMS, STREAMS]
@group(0) @binding(5) var<storage, read_write> streams: array<vec4<f32>>; // [STREAMS, STREAM]
@group(0) @binding(6) var<storage, read_write> normed: array<vec4<f32>>; // [tokens, QUADS]

const ROUTER_NORM: u32 = QUADS;
const ROUTER: u32 = 2u * QUADS;
const NEXT: u32 = (2u + STREAMS) * QUADS;

fn routed_from(i: u32) -> vec4<f32> { return residual[i]; }

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let lane = local % LANES;
    let item = group.x * (WORKGROUP / LANES) + local / LANES;
    let live = item < progress.tokens;
    let at = min(item, progress.tokens - 1u) * QUADS;
    var squares = vec4<f32>();
    for (var i = lane; i < QUADS; i += LANES) { squares += branch[at + i] * branch[at + i]; }
    let all = sum_lanes(squares, local, local - lane, 1u);
    let inner = 1.0 / sqrt((all.x + all.y + all.z + all.w) / WIDTH + EPSILON);
    if (live) {
        for (var i = lane; i < QUADS; i += LANES) { residual[at + i] += branch[at + i] * inner * weights[i]; }
    }
    route(local, lane, at);
    if (!live) { return; }
    var share: array<f32, STREAMS>;
    for (var s = 0u; s < STREAMS; s += 1u) {
        var sum = 1.0;
        for (var j = 0u; j < STREAMS; j += 1u) { sum += coefficients[s * STREAMS + j] * routed[j]; }
        share[s] = sum;
    }
    for (var i = lane; i < QUADS; i += LANES) {
        let change = residual[at + i] - streams[at + i];
        for (var s = 0u; s < STREAMS; s += 1u) { streams[s * STREAM + at + i] += change * share[s]; }
        normed[at + i] = streams[at + i] * weights[NEXT + i];
    }
}
