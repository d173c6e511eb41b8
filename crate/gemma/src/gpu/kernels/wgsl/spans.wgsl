// How many of the keys that are seen one workgroup takes: whole blocks, so that there are SPANS parts at most.
fn span_of(seen: u32) -> u32 { return (seen + SPANS * BLOCK - 1u) / (SPANS * BLOCK) * BLOCK; }
