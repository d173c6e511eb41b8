// The position in the sequence. The kernel that picks a token advances it, so that decoding writes nothing from
// outside.
struct Step {
    position: u32, // of the first token of this pass
    tokens: u32, // of this pass
    first: u32, // of the workgroups, where a dispatch is cut
    spare: u32,
}
