// Of each slice of SLICE logits: the largest, its token, Σ exp(l − largest), and whether all are numbers.
@group(0) @binding(0) var<storage, read> logits: array<f32>; // [VOCABULARY]
@group(0) @binding(1) var<storage, read_write> slices: array<vec4<u32>>; // [SLICES]: bits, token, bits, wrong

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= SLICES) { return; }
    let start = id.x * SLICE;
    let to = min(start + SLICE, VOCABULARY);
    var most = logits[start];
    var token = start;
    var wrong = 0u;
    for (var i = start; i < to; i += 1u) {
        let l = logits[i];
        // By its bits: a compiler may assume that floats are numbers.
        if ((bitcast<u32>(l) & 0x7f800000u) == 0x7f800000u) { wrong = 1u; }
        if (l > most) {
            most = l;
            token = i;
        }
    }
    var sum = 0.0;
    for (var i = start; i < to; i += 1u) { sum += exp(logits[i] - most); }
    slices[id.x] = vec4<u32>(bitcast<u32>(most), token, bitcast<u32>(sum), wrong);
}
