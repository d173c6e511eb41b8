// up = gelu(gate) · up, or gelu(up) without a gate. Beyond ±9 tanh rounds to ±1 in f32, and fast drivers overflow.
@group(0) @binding(0) var<storage, read_write> up: array<f32>;
@group(0) @binding(1) var<storage, read> gate: array<f32>; // as long as up, or nothing
@group(0) @binding(2) var<storage, read> sizes: array<u32>; // values, whether there is a gate

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = (group.y * groups.x + group.x) * 64u + lane;
    if (index >= sizes[0]) { return; }
    var x = up[index];
    var factor = 1.0;
    if (sizes[1] != 0u) {
        factor = x;
        x = gate[index];
    }
    let inner = clamp(0.7978846 * (x + 0.044715 * x * x * x), -9.0, 9.0);
    up[index] = 0.5 * x * (1.0 + tanh(inner)) * factor;
}
