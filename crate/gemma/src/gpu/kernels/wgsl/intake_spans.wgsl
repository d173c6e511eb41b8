// Each workgroup sums the spans of attention itself.
fn mixed(i: u32, spans: u32) -> vec4<f32> {
    if (i >= HEADS * QUADS) { return vec4<f32>(); }
    let head = i / QUADS;
    let sums = HEADS * SPANS * QUADS + head * SPANS;
    var most = parts[sums].x;
    for (var s = 1u; s < spans; s += 1u) { most = max(most, parts[sums + s].x); }
    var weight = 0.0;
    var total = vec4<f32>();
    for (var s = 0u; s < spans; s += 1u) {
        let e = exp(parts[sums + s].x - most);
        weight += e * parts[sums + s].y;
        total += e * parts[(head * SPANS + s) * QUADS + i % QUADS];
    }
    return total / weight;
}
fn prepare(local: u32, is_first: bool) {
    let seen = visible(progress.position, progress.tokens).y;
    let span = span_of(seen);
    let spans = (seen + span - 1u) / span;
    for (var p = local; p < IN_QUADS / 2u; p += WORKGROUP) { keep(p, mixed(2u * p, spans), mixed(2u * p + 1u, spans)); }
    workgroupBarrier();
}
