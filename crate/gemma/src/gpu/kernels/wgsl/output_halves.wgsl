// Vectors are stored as four halves with one scale: the first and the third, the second and the fourth, the scale, and
// the sum.
alias Rounded = vec4<u32>;
fn rounded(v: vec4<f32>) -> Rounded {
    let size = abs(v);
    let most = max(max(size.x, size.y), max(size.z, size.w));
    // If dividing by it could overflow, it counts as zero.
    let inverse = select(0.0, 1.0 / most, most > 1.0e-30);
    let h = quantizeToF16(v * inverse);
    let sum = ((h.x + h.y) + (h.z + h.w)) * most;
    return Rounded(pack2x16float(h.xz), pack2x16float(h.yw), bitcast<u32>(most), bitcast<u32>(sum));
}
