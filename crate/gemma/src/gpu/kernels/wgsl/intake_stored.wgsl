// The vector is in memory.
fn prepare(local: u32, is_first: bool) {}
