// Four rows of M times one vector, this lane's share of it: Σ_k W[row + i, k] · x[k], i = 0..3.
// The offset of a unit is the same for all its weights, so it is applied to Σ x, formed once.
fn M_dot(u: u32, a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>, e: vec4<f32>, f: vec4<f32>, g: vec4<f32>, h: vec4<f32>, sum: f32) -> f32 {
    let w = M_unit(u);
    let s = M_scale(u);
    let low = (dot(w.a, a) + dot(w.b, b)) + (dot(w.c, c) + dot(w.d, d));
    let high = (dot(w.e, e) + dot(w.f, f)) + (dot(w.g, g) + dot(w.h, h));
    return s.x * low + s.y * high + s.z * sum;
}
fn M_rows(row: u32, x: u32, lane: u32) -> vec4<f32> {
    var total = vec4<f32>();
    // The last group may be short: it reads the last row again, and the result is dropped.
    let at = min(vec4<u32>(row, row + 1u, row + 2u, row + 3u), vec4<u32>(M_ROWS - 1u)) * M_UNITS;
    for (var u = lane; u < M_UNITS; u += LANES) {
        let v = x + u * 8u;
        let a = input[v];
        let b = input[v + 1u];
        let c = input[v + 2u];
        let d = input[v + 3u];
        let e = input[v + 4u];
        let f = input[v + 5u];
        let g = input[v + 6u];
        let h = input[v + 7u];
        let s = ((a + b) + (c + d)) + ((e + f) + (g + h));
        let sum = (s.x + s.y) + (s.z + s.w);
        total.x += M_dot(at.x + u, a, b, c, d, e, f, g, h, sum);
        total.y += M_dot(at.y + u, a, b, c, d, e, f, g, h, sum);
        total.z += M_dot(at.z + u, a, b, c, d, e, f, g, h, sum);
        total.w += M_dot(at.w + u, a, b, c, d, e, f, g, h, sum);
    }
    return total;
}
