// Four rows of M times one vector, this lane's share of it: Σ_k W[row + i, k] · x[k], i = 0..3.
fn M_rows(row: u32, x: u32, lane: u32) -> vec4<f32> {
    var total = vec4<f32>();
    // The last group may be short: it reads the last row again, and the result is dropped.
    let at = min(vec4<u32>(row, row + 1u, row + 2u, row + 3u), vec4<u32>(M_ROWS - 1u)) * M_UNITS;
    for (var u = lane; u < M_UNITS; u += LANES) {
        let v = M_input(x + u * UNIT_WORDS);
        total += vec4<f32>(M_dot(at.x + u, v), M_dot(at.y + u, v), M_dot(at.z + u, v), M_dot(at.w + u, v));
    }
    return total;
}
