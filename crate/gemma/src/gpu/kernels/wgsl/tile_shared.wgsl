// Y = X·Wᵀ for many tokens: 64 invocations compute 64 rows of 32 tokens from tiles in workgroup memory, one unit of
// 32 columns at a time: 8 KiB of unpacked weights and 4 KiB of inputs. An invocation computes eight rows of four
// tokens; adjacent ones take adjacent rows and tokens.
@group(0) @binding(0) var<storage, read> input: array<vec4<f32>>; // [tokens, IN_QUADS]
@group(0) @binding(1) var<storage, read_write> output: array<f32>; // [tokens, OUT_STRIDE]
@group(0) @binding(2) var<uniform> progress: Step;

var<workgroup> weights: array<vec4<f32>, 512>; // [8 quads, 64 rows]
var<workgroup> inputs: array<vec4<f32>, 256>; // [8 quads, 32 tokens]

fn keep(row: u32, w: Unit) {
    weights[row] = w.a;
    weights[64u + row] = w.b;
    weights[128u + row] = w.c;
    weights[192u + row] = w.d;
    weights[256u + row] = w.e;
    weights[320u + row] = w.f;
    weights[384u + row] = w.g;
    weights[448u + row] = w.h;
}

fn store(token: u32, block: u32, down: u32, a: vec4<f32>, b: vec4<f32>) {
    if (token >= progress.tokens) { return; }
    var total = finished(a, b);
    let spot = place(block);
    let at = token * OUT_STRIDE + spot.x;
    for (var i = 0u; i < EACH / 8u; i += 1u) {
        let row = down + 8u * i;
        if (row < spot.y) { output[at + row] = kept(token, spot.x + row, total[i / 4u][i % 4u]); }
    }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let block = progress.first + group.x;
    let first = group.z * 32u;
    let last = progress.tokens - 1u;
    let across = local % 8u;
    let down = local / 8u;
    // Four rows of one token each: a to d of rows down + 0, 8, 16, 24, e to h of those 32 further.
    var a = vec4<f32>();
    var b = vec4<f32>();
    var c = vec4<f32>();
    var d = vec4<f32>();
    var e = vec4<f32>();
    var f = vec4<f32>();
    var g = vec4<f32>();
    var h = vec4<f32>();
    for (var u = 0u; u < UNITS; u += 1u) {
        workgroupBarrier();
        stage(block, local, u);
        for (var i = local; i < 256u; i += 64u) {
            // Adjacent invocations read adjacent quads of a token.
            let token = min(first + i / 8u, last);
            inputs[(i % 8u) * 32u + i / 8u] = input[token * IN_QUADS + u * 8u + i % 8u];
        }
        workgroupBarrier();
        for (var q = 0u; q < 8u; q += 1u) {
            let w = q * 64u + down;
            let v = q * 32u + across;
            let w0 = weights[w];
            let w1 = weights[w + 8u];
            let w2 = weights[w + 16u];
            let w3 = weights[w + 24u];
            let w4 = weights[w + 32u];
            let w5 = weights[w + 40u];
            let w6 = weights[w + 48u];
            let w7 = weights[w + 56u];
            let x = inputs[v];
            let y = inputs[v + 8u];
            let z = inputs[v + 16u];
            let t = inputs[v + 24u];
            a += vec4<f32>(dot(w0, x), dot(w1, x), dot(w2, x), dot(w3, x));
            b += vec4<f32>(dot(w0, y), dot(w1, y), dot(w2, y), dot(w3, y));
            c += vec4<f32>(dot(w0, z), dot(w1, z), dot(w2, z), dot(w3, z));
            d += vec4<f32>(dot(w0, t), dot(w1, t), dot(w2, t), dot(w3, t));
            e += vec4<f32>(dot(w4, x), dot(w5, x), dot(w6, x), dot(w7, x));
            f += vec4<f32>(dot(w4, y), dot(w5, y), dot(w6, y), dot(w7, y));
            g += vec4<f32>(dot(w4, z), dot(w5, z), dot(w6, z), dot(w7, z));
            h += vec4<f32>(dot(w4, t), dot(w5, t), dot(w6, t), dot(w7, t));
        }
    }
    store(first + across, block, down, a, e);
    store(first + across + 8u, block, down, b, f);
    store(first + across + 16u, block, down, c, g);
    store(first + across + 24u, block, down, d, h);
}
