// For each slice of SLICE logits, by LANES neighbours: the largest allowed one, its token, Σ exp(l − largest of
// all), the largest of all, and whether all are numbers.
@group(0) @binding(0) var<storage, read> logits: array<f32>; // [VOCABULARY]
@group(0) @binding(1) var<storage, read_write> slices: array<vec4<u32>>; // [SLICES]: bits, token with WRONG, bits, bits
@group(0) @binding(2) var<storage, read> mask: array<u32>; // a bit for each token

var<workgroup> best: array<Best, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let lane = local % LANES;
    let slice = group.x * (WORKGROUP / LANES) + local / LANES;
    let start = slice * SLICE;
    let end = min(start + SLICE, VOCABULARY);
    var mine = nothing();
    for (var i = start + lane; i < end; i += LANES) {
        let l = logits[i];
        // Compares bits, because a compiler may assume that floats are numbers.
        let wrong = select(0u, WRONG, (bitcast<u32>(l) & 0x7f800000u) == 0x7f800000u);
        let is_one = is_allowed(i);
        mine = better(mine, Best(select(NOTHING, l, is_one), i, l, 1.0, wrong));
    }
    best[local] = mine;
    workgroupBarrier();
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        if (lane < half) { best[local] = better(best[local], best[local + half]); }
        workgroupBarrier();
    }
    if (lane == 0u && slice < SLICES) {
        let all = best[local];
        slices[slice] = vec4<u32>(bitcast<u32>(all.most), all.token | all.wrong, bitcast<u32>(all.sum), bitcast<u32>(all.top));
    }
}
