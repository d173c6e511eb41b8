// Four rows of M times four tokens, this lane's share: column t holds Σ_k W[row + i, k] · x_t[k].
// The inputs of a unit are read once for four rows, and its weights unpacked once for four tokens.
fn M_tile(row: u32, x: vec4<u32>, lane: u32) -> mat4x4<f32> {
    var p = vec4<f32>();
    var q = vec4<f32>();
    var r = vec4<f32>();
    var s = vec4<f32>();
    let at = min(vec4<u32>(row, row + 1u, row + 2u, row + 3u), vec4<u32>(M_ROWS - 1u)) * M_UNITS;
    for (var u = lane; u < M_UNITS; u += LANES) {
        let i = input_unit(x.x + u * 8u);
        let j = input_unit(x.y + u * 8u);
        let k = input_unit(x.z + u * 8u);
        let l = input_unit(x.w + u * 8u);
        let sums = vec4<f32>(unit_sum(i), unit_sum(j), unit_sum(k), unit_sum(l));
        for (var n = 0u; n < 4u; n += 1u) {
            let w = M_unit(at[n] + u);
            let c = M_scale(at[n] + u);
            let products = c.x * vec4<f32>(low(w, i), low(w, j), low(w, k), low(w, l))
                + c.y * vec4<f32>(high(w, i), high(w, j), high(w, k), high(w, l)) + c.z * sums;
            let row_n = vec4<f32>(vec4<u32>(n) == vec4<u32>(0u, 1u, 2u, 3u));
            p += products.x * row_n;
            q += products.y * row_n;
            r += products.z * row_n;
            s += products.w * row_n;
        }
    }
    return mat4x4<f32>(p, q, r, s);
}
