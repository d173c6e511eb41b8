// x[row] = softmax(x[row] · scale), one workgroup for each row.
@group(0) @binding(0) var<storage, read_write> x: array<f32>; // [rows, columns]
@group(0) @binding(1) var<storage, read> sizes: array<u32>; // rows, columns, scale

var<workgroup> shared_values: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = group.y * groups.x + group.x;
    let is_row = row < sizes[0];
    let columns = sizes[1];
    let scale = bitcast<f32>(sizes[2]);
    let start = min(row, sizes[0] - 1u) * columns;
    var most = -3.0e38;
    for (var i = lane; i < columns; i += 64u) { most = max(most, x[start + i] * scale); }
    shared_values[lane] = most;
    for (var step = 32u; step > 0u; step /= 2u) {
        workgroupBarrier();
        if (lane < step) { shared_values[lane] = max(shared_values[lane], shared_values[lane + step]); }
    }
    workgroupBarrier();
    most = shared_values[0];
    workgroupBarrier();
    var sum = 0.0;
    for (var i = lane; i < columns; i += 64u) { sum += exp(x[start + i] * scale - most); }
    shared_values[lane] = sum;
    for (var step = 32u; step > 0u; step /= 2u) {
        workgroupBarrier();
        if (lane < step) { shared_values[lane] += shared_values[lane + step]; }
    }
    workgroupBarrier();
    let inverse = 1.0 / shared_values[0];
    for (var i = lane; i < columns; i += 64u) {
        if (is_row) { x[start + i] = exp(x[start + i] * scale - most) * inverse; }
    }
}
