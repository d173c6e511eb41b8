// y = W·x for one token: LANES invocations compute RESULTS results together. `totals` and `place` are generated for
// the matrices: concatenated (queries, keys, values), or gelu(gate·x) · (up·x).
@group(0) @binding(2) var<uniform> progress: Step;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) groups: vec3<u32>) {
    let lane = local % LANES;
    let first = (group.y * groups.x + group.x) * ROUNDS;
    prepare(local, first == 0u);
    for (var turn = 0u; turn < ROUNDS; turn += 1u) {
        let team = min((first + turn) * (WORKGROUP / LANES) + local / LANES, TEAMS - 1u);
        // The last of several tokens, the only one that needs logits.
        let total = totals(team, (progress.tokens - 1u) * TOKEN_WORDS, lane, local);
        if (lane == 0u) {
            let spot = place(team);
            store(spot.x, spot.y, total);
        }
    }
}
