// Y = X·Wᵀ for many tokens, without a barrier: an invocation computes eight rows of eight tokens. Four weights of
// each row are unpacked once for all tokens, and four inputs of each token are read once for all rows; `quads` and
// `place` are generated for the matrices.
@group(0) @binding(0) var<storage, read> input: array<vec4<f32>>; // [tokens, IN_QUADS]
@group(0) @binding(1) var<storage, read_write> output: array<f32>; // [tokens, OUT_STRIDE]
@group(0) @binding(2) var<uniform> progress: Step;

fn store(token: u32, team: u32, a: vec4<f32>, b: vec4<f32>) {
    if (token >= progress.tokens) { return; }
    let spot = place(team);
    var total = finished(a, b);
    let at = token * OUT_STRIDE + spot.x;
    for (var i = 0u; i < min(4u, spot.y); i += 1u) { output[at + i] = kept(token, spot.x + i, total[0][i]); }
    for (var i = 4u; i < min(EACH, spot.y); i += 1u) { output[at + i] = kept(token, spot.x + i, total[1][i - 4u]); }
}
fn eight(w: Rows, x: vec4<f32>) -> mat2x4<f32> {
    return mat2x4<f32>(
        vec4<f32>(dot(w.a, x), dot(w.b, x), dot(w.c, x), dot(w.d, x)),
        vec4<f32>(dot(w.e, x), dot(w.f, x), dot(w.g, x), dot(w.h, x)),
    );
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let team = min((progress.first + group.x) * WORKGROUP + local, TEAMS - 1u);
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
        let scales = scales_of(team, u);
        for (var q = 0u; q < 8u; q += 1u) {
            let w = quads(team, u, q, scales);
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
    store(token, team, a[0], a[1]);
    store(token + 1u, team, b[0], b[1]);
    store(token + 2u, team, c[0], c[1]);
    store(token + 3u, team, d[0], d[1]);
    store(token + 4u, team, e[0], e[1]);
    store(token + 5u, team, f[0], f[1]);
    store(token + 6u, team, g[0], g[1]);
    store(token + 7u, team, h[0], h[1]);
}
