// gelu(max(0, g − mean(g) − DEVIATIONS · deviation(g))) · u, with the sample deviation. Every item of a token
// reads all of g and stores its own of PARTS parts.
@group(0) @binding(0) var<storage, read> input: array<f32>; // [tokens, 2, HIDDEN]: g, u
@group(0) @binding(1) var<storage, read_write> output: array<f32>; // [tokens, OUT_STRIDE]
@group(0) @binding(2) var<uniform> progress: Step;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let lane = local % LANES;
    let item = group.x * (WORKGROUP / LANES) + local / LANES;
    let live = item < progress.tokens * PARTS;
    let token = min(item / PARTS, progress.tokens - 1u);
    let base = token * 2u * HIDDEN;
    var sum = 0.0;
    for (var i = lane; i < HIDDEN; i += LANES) { sum += input[base + i]; }
    let mean = sum_lanes(vec4<f32>(sum), local, local - lane, 1u).x / f32(HIDDEN);
    sum = 0.0;
    for (var i = lane; i < HIDDEN; i += LANES) {
        let apart = input[base + i] - mean;
        sum += apart * apart;
    }
    let squares = sum_lanes(vec4<f32>(sum), local, local - lane, 1u).x;
    let cut = mean + DEVIATIONS * sqrt(squares / max(f32(HIDDEN) - 1.0, 1.0));
    if (!live) { return; }
    let each = (HIDDEN + PARTS - 1u) / PARTS;
    let first = (item % PARTS) * each;
    for (var i = first + lane; i < min(first + each, HIDDEN); i += LANES) {
        let gate = max(0.0, input[base + i] - cut);
        output[token * OUT_STRIDE + i] = gelu(vec4<f32>(gate)).x * input[base + HIDDEN + i];
    }
}
