// LANES invocations share an item; those of one item stand at first, first + stride, …
var<workgroup> shared_lanes: array<vec4<f32>, WORKGROUP>;
fn sum_lanes(mine: vec4<f32>, local: u32, first: u32, stride: u32) -> vec4<f32> {
    workgroupBarrier();
    shared_lanes[local] = mine;
    workgroupBarrier();
    var total = shared_lanes[first];
    for (var l = 1u; l < LANES; l += 1u) { total += shared_lanes[first + l * stride]; }
    return total;
}
fn max_lanes(mine: f32, local: u32, first: u32, stride: u32) -> f32 {
    workgroupBarrier();
    shared_lanes[local] = vec4<f32>(mine);
    workgroupBarrier();
    var most = shared_lanes[first].x;
    for (var l = 1u; l < LANES; l += 1u) { most = max(most, shared_lanes[first + l * stride].x); }
    return most;
}
