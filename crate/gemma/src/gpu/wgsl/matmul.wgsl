// Y = X·Wᵀ for many tokens: LANES invocations form four rows of four tokens; tokens across z.
@group(0) @binding(0) var<storage, read> input: array<vec4<f32>>; // [tokens, IN_QUADS]
@group(0) @binding(1) var<storage, read_write> output: array<f32>; // [tokens, OUT_STRIDE]
@group(0) @binding(2) var<uniform> progress: Step;

fn input_unit(at: u32) -> Unit {
    return Unit(input[at], input[at + 1u], input[at + 2u], input[at + 3u], input[at + 4u], input[at + 5u], input[at + 6u], input[at + 7u]);
}
fn unit_sum(x: Unit) -> f32 {
    let s = ((x.a + x.b) + (x.c + x.d)) + ((x.e + x.f) + (x.g + x.h));
    return (s.x + s.y) + (s.z + s.w);
}
fn low(w: Unit, x: Unit) -> f32 { return (dot(w.a, x.a) + dot(w.b, x.b)) + (dot(w.c, x.c) + dot(w.d, x.d)); }
fn high(w: Unit, x: Unit) -> f32 { return (dot(w.e, x.e) + dot(w.f, x.f)) + (dot(w.g, x.g) + dot(w.h, x.h)); }

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let lane = local % LANES;
    let worker = min(group.x * (WORKGROUP / LANES) + local / LANES, WORKERS - 1u);
    let token = group.z * 4u;
    let start = min(token + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(progress.tokens - 1u)) * IN_QUADS;
    var total = totals(worker, start, lane, local);
    if (lane == 0u) {
        let spot = place(worker);
        for (var t = 0u; t < min(4u, progress.tokens - token); t += 1u) {
            let column = total[t];
            for (var i = 0u; i < min(4u, spot.y); i += 1u) { output[(token + t) * OUT_STRIDE + spot.x + i] = column[i]; }
        }
    }
}
