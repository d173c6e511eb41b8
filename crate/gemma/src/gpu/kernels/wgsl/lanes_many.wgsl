// LANES invocations share an item; those of one item are at first, first + stride, …. Few are summed sequentially,
// many by halves: each step waits for workgroup memory.
var<workgroup> shared_lanes: array<vec4<f32>, WORKGROUP>;
fn sum_lanes(mine: vec4<f32>, local: u32, first: u32, stride: u32) -> vec4<f32> {
    workgroupBarrier();
    shared_lanes[local] = mine;
    workgroupBarrier();
    if (LANES > 8u) {
        let lane = (local - first) / stride;
        var left = LANES;
        while (left > 1u) {
            let half = (left + 1u) / 2u;
            if (lane + half < left) { shared_lanes[local] += shared_lanes[local + half * stride]; }
            left = half;
            workgroupBarrier();
        }
        return shared_lanes[first];
    }
    var total = shared_lanes[first];
    for (var l = 1u; l < LANES; l += 1u) { total += shared_lanes[first + l * stride]; }
    return total;
}
fn max_lanes(mine: f32, local: u32, first: u32, stride: u32) -> f32 {
    workgroupBarrier();
    shared_lanes[local] = vec4<f32>(mine);
    workgroupBarrier();
    if (LANES > 8u) {
        for (var half = LANES / 2u; half > 1u; half /= 2u) {
            if (local < first + half * stride) { shared_lanes[local].x = max(shared_lanes[local].x, shared_lanes[local + half * stride].x); }
            workgroupBarrier();
        }
        return max(shared_lanes[first].x, shared_lanes[first + stride].x);
    }
    var most = shared_lanes[first].x;
    for (var l = 1u; l < LANES; l += 1u) { most = max(most, shared_lanes[first + l * stride].x); }
    return most;
}
