// The keys to which a token attends: its own and earlier ones, WINDOW in all (0: no limit). First and count.
fn visible(position: u32, tokens: u32) -> vec2<u32> {
    let first = select(0u, position + 1u - WINDOW, WINDOW > 0u && position + 1u > WINDOW);
    return vec2<u32>(first, position + 1u - first);
}
