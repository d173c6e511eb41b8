// Rotates the pairs (j, j + dim/4) of both halves of each head by the angles of its patch.
@group(0) @binding(0) var<storage, read_write> x: array<f32>; // [patches, heads, 2 halves, 2, pairs]
@group(0) @binding(1) var<storage, read> angles: array<f32>; // [patches, 2 halves, pairs, 2 (cos, sin)]
@group(0) @binding(2) var<storage, read> sizes: array<u32>; // all pairs, heads, pairs

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = (group.y * groups.x + group.x) * 64u + lane;
    if (index >= sizes[0]) { return; }
    let heads = sizes[1];
    let pairs = sizes[2];
    let pair = index % pairs;
    let part = index / pairs; // [patches, heads, 2 halves]
    let patch_index = part / (2u * heads);
    let angle = 2u * ((patch_index * 2u + part % 2u) * pairs + pair);
    let cosine = angles[angle];
    let sine = angles[angle + 1u];
    let at = part * 2u * pairs + pair;
    let low = x[at];
    let high = x[at + pairs];
    x[at] = low * cosine - high * sine;
    x[at + pairs] = high * cosine + low * sine;
}
