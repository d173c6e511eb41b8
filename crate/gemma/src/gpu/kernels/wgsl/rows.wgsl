// HELD rows of M times one vector, this lane's share: Σ_k W[rows[i], k] · x[k].
fn M_rows(rows: vec4<u32>, x: u32, lane: u32) -> vec4<f32> {
    var total = vec4<f32>();
    // The last team may be short: the last row is read again, and the result is dropped.
    let at = min(rows, vec4<u32>(M_ROWS - 1u)) * M_UNITS;
    for (var u = lane; u < M_UNITS; u += LANES) {
        let v = M_input(x + u * UNIT_WORDS);
        if (HELD == 4u) {
            total += vec4<f32>(M_dot(at.x + u, v), M_dot(at.y + u, v), M_dot(at.z + u, v), M_dot(at.w + u, v));
        } else if (HELD == 2u) {
            total += vec4<f32>(M_dot(at.x + u, v), M_dot(at.y + u, v), 0.0, 0.0);
        } else {
            total.x += M_dot(at.x + u, v);
        }
    }
    return total;
}
