// tanh(router · rms(x) · w / WIDTH): a value for each residual stream. `routed_from` returns x.
var<private> routed: array<f32, STREAMS>;
fn route(local: u32, lane: u32, at: u32) {
    var squares = vec4<f32>();
    for (var i = lane; i < QUADS; i += LANES) {
        let x = routed_from(at + i);
        squares += x * x;
    }
    let all = sum_lanes(squares, local, local - lane, 1u);
    let factor = 1.0 / sqrt((all.x + all.y + all.z + all.w) / WIDTH + EPSILON) / WIDTH;
    for (var s = 0u; s < STREAMS; s += 1u) {
        var sum = vec4<f32>();
        for (var i = lane; i < QUADS; i += LANES) {
            sum += routed_from(at + i) * weights[ROUTER_NORM + i] * weights[ROUTER + s * QUADS + i];
        }
        let total = sum_lanes(sum, local, local - lane, 1u);
        routed[s] = tanh_of(vec4<f32>((total.x + total.y + total.z + total.w) * factor)).x;
    }
}
