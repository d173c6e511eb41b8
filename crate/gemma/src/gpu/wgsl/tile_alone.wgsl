// Y = X·Wᵀ for many tokens, without a barrier: an invocation forms eight rows of eight tokens.
// Four weights of each row are unpacked once for all tokens, and four inputs of each token are
// read once for all rows; `quads` and `place` are written for the matrices at hand.
@group(0) @binding(0) var<storage, read> input: array<vec4<f32>>; // [tokens, IN_QUADS]
@group(0) @binding(1) var<storage, read_write> output: array<f32>; // [tokens, OUT_STRIDE]
@group(0) @binding(2) var<uniform> progress: Step;

fn put(token: u32, worker: u32, a: vec4<f32>, b: vec4<f32>) {
    if (token >= progress.tokens) { return; }
    let spot = place(worker);
    var total = finished(a, b);
    let at = token * OUT_STRIDE + spot.x;
    for (var i = 0u; i < min(4u, spot.y); i += 1u) { output[at + i] = total[0][i]; }
    for (var i = 4u; i < min(EACH, spot.y); i += 1u) { output[at + i] = total[1][i - 4u]; }
}
fn eight(w: Rows, x: vec4<f32>) -> mat2x4<f32> {
    return mat2x4<f32>(
        vec4<f32>(dot(w.a, x), dot(w.b, x), dot(w.c, x), dot(w.d, x)),
        vec4<f32>(dot(w.e, x), dot(w.f, x), dot(w.g, x), dot(w.h, x)),
    );
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let worker = min((progress.first + group.x) * WORKGROUP + local, WORKERS - 1u);
    let token = group.z * 8u;
    let last = progress.tokens - 1u;
    let near = min(token + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(last)) * IN_QUADS;
    let far = min(token + vec4<u32>(4u, 5u, 6u, 7u), vec4<u32>(last)) * IN_QUADS;
    var a = mat2x4<f32>();
    var b = mat2x4<f32>();
    var c = mat2x4<f32>();
    var d = mat2x4<f32>();
    var e = mat2x4<f32>();
    var f = mat2x4<f32>();
    var g = mat2x4<f32>();
    var h = mat2x4<f32>();
    for (var u = 0u; u < UNITS; u += 1u) {
        let scales = scales_of(worker, u);
        for (var q = 0u; q < 8u; q += 1u) {
            let w = quads(worker, u, q, scales);
            let at = u * 8u + q;
            a += eight(w, input[near.x + at]);
            b += eight(w, input[near.y + at]);
            c += eight(w, input[near.z + at]);
            d += eight(w, input[near.w + at]);
            e += eight(w, input[far.x + at]);
            f += eight(w, input[far.y + at]);
            g += eight(w, input[far.z + at]);
            h += eight(w, input[far.w + at]);
        }
    }
    put(token, worker, a[0], a[1]);
    put(token + 1u, worker, b[0], b[1]);
    put(token + 2u, worker, c[0], c[1]);
    put(token + 3u, worker, d[0], d[1]);
    put(token + 4u, worker, e[0], e[1]);
    put(token + 5u, worker, f[0], f[1]);
    put(token + 6u, worker, g[0], g[1]);
    put(token + 7u, worker, h[0], h[1]);
}
