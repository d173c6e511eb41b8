// y = W·x for one token without a barrier: an invocation computes EACH rows. `add` and `finished` are generated for
// the matrices.
@group(0) @binding(2) var<uniform> progress: Step;

var<private> sums: array<f32, 16>;

fn four(at: u32) -> vec4<f32> { return vec4<f32>(sums[at], sums[at + 1u], sums[at + 2u], sums[at + 3u]); }

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let team = min((group.y * groups.x + group.x) * WORKGROUP + local, TEAMS - 1u);
    for (var i = 0u; i < 16u; i += 1u) { sums[i] = 0.0; }
    // The last token of several, the only one that needs logits.
    add(team, (progress.tokens - 1u) * TOKEN_WORDS);
    let spot = place(team);
    for (var i = 0u; i < EACH; i += 4u) { store(spot.x + i, spot.y - min(i, spot.y), finished(i)); }
}
