// The number of visible keys per workgroup: whole blocks, so that there are at most SPANS parts.
fn span_of(seen: u32) -> u32 { return (seen + SPANS * BLOCK - 1u) / (SPANS * BLOCK) * BLOCK; }
