// The keys to which a row of a picture attends: earlier ones, WINDOW in all (0: no limit), and its whole picture, with
// which this pass ends. First and count.
fn visible(position: u32, tokens: u32) -> vec2<u32> {
    let first = select(0u, position + 1u - WINDOW, WINDOW > 0u && position + 1u > WINDOW);
    return vec2<u32>(first, progress.position + tokens - first);
}
