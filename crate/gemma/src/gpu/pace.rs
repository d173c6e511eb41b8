//! How many tokens of a prompt go to the GPU at once: few enough that a caller who stops is heard
//! soon and that no watchdog takes the GPU for hung, as many as that allows.

/// Milliseconds of the caller's clock.
pub type Clock = fn() -> f64;

/// Milliseconds that a chunk should take. Half of what people feel, as the next may take longer.
const TARGET: f64 = 50.0;
/// Milliseconds that one submission may take.
const SUBMISSION: f64 = 100.0;

/// Tokens of the next chunk, by how long the last one took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pace {
    tokens: usize,
    parts: usize,
    tile: usize,
    most: usize,
}

impl Pace {
    /// Begins with one tile, and keeps to whole ones.
    pub(super) fn new(tile: usize, most: usize) -> Self {
        Self { tokens: tile.min(most).max(1), parts: 1, tile, most }
    }

    /// Always so many.
    pub(super) fn fixed(tokens: usize) -> Self {
        Self { tokens, parts: 1, tile: tokens, most: tokens }
    }

    /// Tokens of the next chunk.
    pub(super) fn tokens(&self) -> usize {
        self.tokens
    }

    /// Into how many submissions a chunk is cut.
    pub(super) fn parts(&self) -> usize {
        self.parts
    }

    /// Takes note of a chunk.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "small positive numbers; a cast of what is no number gives 0"
    )]
    pub(super) fn took(&mut self, tokens: usize, milliseconds: f64) {
        if tokens < self.tile || self.tile == self.most {
            return;
        }
        let tiles_done = (tokens / self.tile) as f64;
        let each = (milliseconds / tiles_done).max(1e-3);
        // At most twice as many as the last time: the first chunk may have been lucky.
        let tiles = ((TARGET / each) as usize).clamp(1, 2 * (tokens / self.tile));
        self.tokens = (tiles * self.tile).min(self.most);
        let expected = each * self.tokens as f64 / self.tile as f64;
        self.parts = ((expected / SUBMISSION).ceil() as usize).clamp(1, 64);
    }
}

#[cfg(test)]
mod tests {
    use super::Pace;

    #[track_caller]
    fn check(took: &[f64], expected: (usize, usize)) {
        let mut pace = Pace::new(32, 256);
        for milliseconds in took {
            pace.took(pace.tokens(), *milliseconds);
        }
        assert_eq!((pace.tokens(), pace.parts()), expected, "{took:?}");
    }

    #[test]
    fn chunks_grow_and_shrink_with_what_they_take() {
        check(&[], (32, 1));
        check(&[10.0], (64, 1));
        check(&[10.0, 20.0, 40.0], (160, 1));
        check(&[1.0, 1.0, 1.0, 1.0], (256, 1));
        check(&[1.0, 1.0, 1.0, 400.0], (32, 1));
        // Slower than a tile should be: in several submissions then.
        check(&[350.0], (32, 4));
        check(&[350.0, 20.0], (64, 1));
        check(&[f64::NAN], (64, 1));
    }

    #[test]
    fn a_fixed_pace_stays() {
        let mut pace = Pace::fixed(7);
        pace.took(7, 1.0);
        assert_eq!(pace.tokens(), 7);
    }
}
