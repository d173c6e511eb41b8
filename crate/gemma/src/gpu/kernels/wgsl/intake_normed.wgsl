// Each workgroup normalises the vector itself: x = (x₀ + rms(o) · w_post) · scale if there is one, h = rms(x) ·
// w_next if needed. x₀ is in one half of the stream; the first workgroup writes x to the other.
fn entered(i: u32, inner: f32) -> vec4<f32> {
    let x = stream[FROM + i] + branch[i] * inner * norms[i];
    if (SCALES) { return x * norms[QUADS].x; }
    return x;
}
fn prepare(local: u32, is_first: bool) {
    var squares = vec4<f32>();
    for (var i = local; i < QUADS; i += WORKGROUP) {
        let o = branch[i];
        squares += o * o;
    }
    let first = sum_all(squares, local);
    let inner = 1.0 / sqrt((first.x + first.y + first.z + first.w) / WIDTH + EPSILON);
    squares = vec4<f32>();
    for (var i = local; i < QUADS; i += WORKGROUP) {
        let x = entered(i, inner);
        if (is_first) { stream[TO + i] = x; }
        squares += x * x;
    }
    var outer = 1.0;
    if (NORMS) {
        let second = sum_all(squares, local);
        outer = 1.0 / sqrt((second.x + second.y + second.z + second.w) / WIDTH + EPSILON);
    }
    for (var p = local; p < QUADS / 2u; p += WORKGROUP) {
        let a = entered(2u * p, inner);
        let b = entered(2u * p + 1u, inner);
        if (NORMS) {
            keep(p, a * outer * norms[NEXT + 2u * p], b * outer * norms[NEXT + 2u * p + 1u]);
        } else {
            keep(p, a, b);
        }
    }
    workgroupBarrier();
}
