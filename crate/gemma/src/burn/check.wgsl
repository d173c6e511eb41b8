// c[r, j] = Σ_k a[r, k] · b[k, j], one invocation for each c. Natively burn allocates its tensors in one buffer, so
// all bindings must have the same kind: read_write.
@group(0) @binding(0) var<storage, read_write> a: array<f32>;
@group(0) @binding(1) var<storage, read_write> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> c: array<f32>;

@compute @workgroup_size({{ workgroup }})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = group.y;
    let column = group.x * {{ workgroup }}u + lane;
    if (column >= {{ columns }}u) {
        return;
    }
    var sum = 0.0;
    for (var k = 0u; k < {{ inner }}u; k += 1u) {
        sum += a[row * {{ inner }}u + k] * b[k * {{ columns }}u + column];
    }
    c[row * {{ columns }}u + column] = sum;
}
