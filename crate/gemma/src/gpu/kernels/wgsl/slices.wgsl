// For each slice of SLICE logits: the largest allowed one, its token, Σ exp(l − largest of all), that largest, and
// whether all are finite.
@group(0) @binding(0) var<storage, read> logits: array<f32>; // [VOCABULARY]
@group(0) @binding(1) var<storage, read_write> slices: array<vec4<u32>>; // [SLICES]: bits, token with WRONG, bits, bits
@group(0) @binding(2) var<storage, read> mask: array<u32>; // a bit for each token

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= SLICES) { return; }
    let start = id.x * SLICE;
    let to = min(start + SLICE, VOCABULARY);
    var most = NOTHING;
    var token = start;
    var top = NOTHING;
    var wrong = 0u;
    for (var i = start; i < to; i += 1u) {
        let l = logits[i];
        // By its bits, because a compiler may assume that floats are finite.
        if ((bitcast<u32>(l) & 0x7f800000u) == 0x7f800000u) { wrong = WRONG; }
        top = max(top, l);
        if (l > most && is_allowed(i)) {
            most = l;
            token = i;
        }
    }
    var sum = 0.0;
    for (var i = start; i < to; i += 1u) { sum += exp(logits[i] - top); }
    slices[id.x] = vec4<u32>(bitcast<u32>(most), token | wrong, bitcast<u32>(sum), bitcast<u32>(top));
}
