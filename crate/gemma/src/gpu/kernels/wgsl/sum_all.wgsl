// Σ over a workgroup.
fn sum_all(mine: vec4<f32>, local: u32) -> vec4<f32> {
    workgroupBarrier();
    shared_lanes[local] = mine;
    workgroupBarrier();
    var left = WORKGROUP;
    while (left > 1u) {
        let half = (left + 1u) / 2u;
        if (local + half < left) { shared_lanes[local] += shared_lanes[local + half]; }
        left = half;
        workgroupBarrier();
    }
    return shared_lanes[0];
}
