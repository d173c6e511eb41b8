// Each workgroup sums the spans of attention itself.
var<workgroup> shares: array<f32, HEADS * SPANS>; // the weight of each span in its head

fn mixed(i: u32, spans: u32) -> vec4<f32> {
    var total = vec4<f32>();
    if (i >= HEADS * QUADS) { return total; }
    let first = i / QUADS * SPANS;
    for (var s = 0u; s < spans; s += 1u) { total += shares[first + s] * parts[(first + s) * QUADS + i % QUADS]; }
    return total;
}
fn prepare(local: u32, is_first: bool) {
    let seen = visible(progress.position, progress.tokens).y;
    let span = span_of(seen);
    let spans = (seen + span - 1u) / span;
    for (var i = local; i < HEADS * SPANS; i += WORKGROUP) {
        let sums = HEADS * SPANS * QUADS + i / SPANS * SPANS;
        var most = parts[sums].x;
        for (var s = 1u; s < spans; s += 1u) { most = max(most, parts[sums + s].x); }
        var weight = 0.0;
        for (var s = 0u; s < spans; s += 1u) { weight += exp(parts[sums + s].x - most) * parts[sums + s].y; }
        shares[i] = exp(parts[sums + min(i % SPANS, spans - 1u)].x - most) / weight;
    }
    workgroupBarrier();
    for (var p = local; p < IN_QUADS / 2u; p += WORKGROUP) { keep(p, mixed(2u * p, spans), mixed(2u * p + 1u, spans)); }
    workgroupBarrier();
}
