// Suppressed tokens get a logit that is negligible in every softmax.
@group(0) @binding(0) var<storage, read_write> logits: array<f32>; // [vocabulary]
@group(0) @binding(1) var<storage, read> tokens: array<u32>; // [COUNT]

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x < COUNT) { logits[tokens[id.x]] = SUPPRESSED; }
}
