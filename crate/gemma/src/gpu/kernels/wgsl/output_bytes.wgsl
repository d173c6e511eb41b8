// Vectors are stored as four 8-bit numbers with one scale.
alias Rounded = vec2<u32>;
fn rounded(v: vec4<f32>) -> Rounded {
    let size = abs(v);
    let most = max(max(size.x, size.y), max(size.z, size.w));
    // If dividing by it could overflow, it counts as zero.
    let inverse = select(0.0, 127.0 / most, most > 1.0e-30);
    return Rounded(pack4xI8(vec4<i32>(round(v * inverse))), bitcast<u32>(most / 127.0));
}
