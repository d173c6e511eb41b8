// out[row] = norm(x[row]) · weight + bias, or out[row] += that: one workgroup for each row.
@group(0) @binding(0) var<storage, read> x: array<f32>; // [rows, width]
@group(0) @binding(1) var<storage, read> weight: array<f32>; // [width], or nothing
@group(0) @binding(2) var<storage, read> bias: array<f32>; // [width], or nothing
@group(0) @binding(3) var<storage, read_write> out: array<f32>; // [rows, width]
@group(0) @binding(4) var<storage, read> sizes: array<u32>; // rows, width, first row of x and of out, operation, epsilon

var<workgroup> sums: array<f32, 64>;

fn total(lane: u32, value: f32) -> f32 {
    workgroupBarrier();
    sums[lane] = value;
    for (var step = 32u; step > 0u; step /= 2u) {
        workgroupBarrier();
        if (lane < step) { sums[lane] += sums[lane + step]; }
    }
    workgroupBarrier();
    return sums[0];
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = group.y * groups.x + group.x;
    let is_row = row < sizes[0];
    let width = sizes[1];
    let from_x = (sizes[2] + min(row, sizes[0] - 1u)) * width;
    let to = (sizes[3] + min(row, sizes[0] - 1u)) * width;
    let norms = (sizes[4] & 1u) != 0u;
    let is_centred = (sizes[4] & 2u) != 0u;
    let adds = (sizes[4] & 4u) != 0u;
    var sum = 0.0;
    for (var i = lane; i < width; i += 64u) { sum += x[from_x + i]; }
    let mean = select(0.0, total(lane, sum) / f32(width), is_centred);
    var square = 0.0;
    for (var i = lane; i < width; i += 64u) { square += (x[from_x + i] - mean) * (x[from_x + i] - mean); }
    let factor = select(1.0, 1.0 / sqrt(total(lane, square) / f32(width) + bitcast<f32>(sizes[5])), norms);
    let has_weight = (sizes[4] & 8u) != 0u;
    let has_bias = (sizes[4] & 16u) != 0u;
    for (var i = lane; i < width; i += 64u) {
        var value = (x[from_x + i] - mean) * factor;
        if (has_weight) { value *= weight[i]; }
        if (has_bias) { value += bias[i]; }
        if (adds) { value += out[to + i]; }
        if (is_row) { out[to + i] = value; }
    }
}
