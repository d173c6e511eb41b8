// Each workgroup looks up the token and normalises it itself: x = E[token] · SCALE, h = rms(x) · w. The first
// workgroup writes x to the stream.
fn prepare(local: u32, is_first: bool) {
    let at = min(tokens[0], M_ROWS - 1u) * M_UNITS;
    var squares = vec4<f32>();
    for (var u = local; u < M_UNITS; u += WORKGROUP) {
        let w = M_unit(at + u, SCALE);
        squares += w.a * w.a + w.b * w.b + w.c * w.c + w.d * w.d + w.e * w.e + w.f * w.f + w.g * w.g + w.h * w.h;
        if (is_first) {
            let v = TO + u * 8u;
            stream[v] = w.a;
            stream[v + 1u] = w.b;
            stream[v + 2u] = w.c;
            stream[v + 3u] = w.d;
            stream[v + 4u] = w.e;
            stream[v + 5u] = w.f;
            stream[v + 6u] = w.g;
            stream[v + 7u] = w.h;
        }
    }
    let total = sum_all(squares, local);
    let factor = 1.0 / sqrt((total.x + total.y + total.z + total.w) / WIDTH + EPSILON);
    for (var u = local; u < M_UNITS; u += WORKGROUP) {
        let w = M_unit(at + u, SCALE);
        let v = u * 8u;
        keep(4u * u, w.a * factor * norms[v], w.b * factor * norms[v + 1u]);
        keep(4u * u + 1u, w.c * factor * norms[v + 2u], w.d * factor * norms[v + 3u]);
        keep(4u * u + 2u, w.e * factor * norms[v + 4u], w.f * factor * norms[v + 5u]);
        keep(4u * u + 3u, w.g * factor * norms[v + 6u], w.h * factor * norms[v + 7u]);
    }
    workgroupBarrier();
}
