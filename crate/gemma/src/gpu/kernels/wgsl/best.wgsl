// The largest allowed logit and its token, the largest logit of all, Σ exp relative to that, and whether any logit was
// not a number.
struct Best { most: f32, token: u32, top: f32, sum: f32, wrong: u32 }
fn nothing() -> Best { return Best(NOTHING, 0xffffffffu, NOTHING, 0.0, 0u); }
// Of equal logits, the first token.
fn better(a: Best, b: Best) -> Best {
    let is_b = b.most > a.most || (b.most == a.most && b.token < a.token);
    let top = max(a.top, b.top);
    let sum = a.sum * exp(a.top - top) + b.sum * exp(b.top - top);
    return Best(max(a.most, b.most), select(a.token, b.token, is_b), top, sum, a.wrong | b.wrong);
}
