// The keys to which a token of an embedding model attends: up to WINDOW / 2 on each side (0: all). First and count.
fn visible(position: u32, tokens: u32) -> vec2<u32> {
    let reach = select(tokens, WINDOW / 2u, WINDOW > 0u);
    let first = position - min(position, reach);
    return vec2<u32>(first, min(position + reach, tokens - 1u) + 1u - first);
}
