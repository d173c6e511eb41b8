// SPREADS: xᵢ += rms(p) · w for every stream except the first, left over from the previous layer. PREDICTS: xᵢ +=
// Σⱼ C[i · STREAMS + j] · xⱼ, C = coefficients · route(x₀); h = rms(x₀) · w_next.
@group(0) @binding(0) var<storage, read> branch: array<vec4<f32>>; // [tokens, QUADS]
@group(0) @binding(1) var<storage, read_write> streams: array<vec4<f32>>; // [STREAMS, STREAM]
@group(0) @binding(2) var<uniform> progress: Step;
// [QUADS] each: of p; of the router; the router's STREAMS rows; of the next norm
@group(0) @binding(3) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> coefficients: array<f32>; // [STREAMS², STREAMS]
@group(0) @binding(5) var<storage, read_write> normed: array<vec4<f32>>; // [tokens, QUADS]

const ROUTER_NORM: u32 = QUADS;
const ROUTER: u32 = 2u * QUADS;
const NEXT: u32 = (2u + STREAMS) * QUADS;

fn routed_from(i: u32) -> vec4<f32> { return streams[i]; }

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let lane = local % LANES;
    let item = group.x * (WORKGROUP / LANES) + local / LANES;
    let live = item < progress.tokens;
    let at = min(item, progress.tokens - 1u) * QUADS;
    var squares = vec4<f32>();
    if (SPREADS) {
        for (var i = lane; i < QUADS; i += LANES) { squares += branch[at + i] * branch[at + i]; }
        let all = sum_lanes(squares, local, local - lane, 1u);
        let inner = 1.0 / sqrt((all.x + all.y + all.z + all.w) / WIDTH + EPSILON);
        if (live) {
            for (var i = lane; i < QUADS; i += LANES) {
                let p = branch[at + i] * inner * weights[i];
                for (var s = 1u; s < STREAMS; s += 1u) { streams[s * STREAM + at + i] += p; }
            }
        }
    }
    if (!PREDICTS) { return; }
    route(local, lane, at);
    var share: array<f32, STREAMS * STREAMS>;
    for (var k = 0u; k < STREAMS * STREAMS; k += 1u) {
        var sum = 0.0;
        for (var j = 0u; j < STREAMS; j += 1u) { sum += coefficients[k * STREAMS + j] * routed[j]; }
        share[k] = sum;
    }
    squares = vec4<f32>();
    if (live) {
        for (var i = lane; i < QUADS; i += LANES) {
            var old: array<vec4<f32>, STREAMS>;
            for (var s = 0u; s < STREAMS; s += 1u) { old[s] = streams[s * STREAM + at + i]; }
            for (var s = 0u; s < STREAMS; s += 1u) {
                var sum = old[s];
                for (var j = 0u; j < STREAMS; j += 1u) { sum += share[s * STREAMS + j] * old[j]; }
                streams[s * STREAM + at + i] = sum;
                if (s == 0u) { squares += sum * sum; }
            }
        }
    }
    let first = sum_lanes(squares, local, local - lane, 1u);
    let outer = 1.0 / sqrt((first.x + first.y + first.z + first.w) / WIDTH + EPSILON);
    if (live) {
        for (var i = lane; i < QUADS; i += LANES) { normed[at + i] = streams[at + i] * outer * weights[NEXT + i]; }
    }
}
