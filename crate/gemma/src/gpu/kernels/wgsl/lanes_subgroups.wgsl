// LANES adjacent invocations share an item, and sum by shuffles. WGSL does not guarantee that they are in one subgroup:
// a shuffle that crosses it yields NaN, which is reported as an error.
fn sum_lanes(mine: vec4<f32>, local: u32, first: u32, stride: u32) -> vec4<f32> {
    // Not from constants, of which the compiler would refuse to create a NaN.
    let nothing = vec4<f32>(bitcast<f32>(0x7fc00000u | min(local, 1u)));
    var total = mine;
    for (var step = LANES / 2u; step > 0u; step /= 2u) {
        let heard = subgroupShuffleXor(local, step);
        let other = subgroupShuffleXor(total, step);
        total = select(nothing, total + other, heard == (local ^ step));
    }
    return total;
}
