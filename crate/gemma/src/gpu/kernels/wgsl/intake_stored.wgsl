// The vector stands in memory.
fn prepare(local: u32, is_first: bool) {}
