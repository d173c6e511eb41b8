//! How many tokens of a prompt go to the GPU at once, and in how many submissions: few enough that a
//! caller who stops is heard soon and that no watchdog takes the GPU for hung, as many as that allows.

/// Milliseconds of the caller's clock.
pub type Clock = fn() -> f64;

/// Milliseconds that a chunk should take. Half of what people feel, as the next may take longer.
const TARGET: f64 = 50.0;
/// Milliseconds that a submission should take: some of its dispatches take longer than others.
const SUBMISSION: f64 = 60.0;
/// Dispatches of the first submission that is timed: a layer.
const FIRST: usize = 8;

/// Tokens of the next chunk and dispatches of the next submission, by how long the last ones took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pace {
    tokens: usize,
    dispatches: usize,
    tile: usize,
    most: usize,
}

impl Pace {
    /// Begins with one tile, and keeps to whole ones.
    pub(super) fn new(tile: usize, most: usize) -> Self {
        Self { tokens: tile.min(most).max(1), dispatches: usize::MAX, tile, most }
    }

    /// Always so many.
    pub(super) fn fixed(tokens: usize) -> Self {
        Self { tokens, dispatches: usize::MAX, tile: tokens, most: tokens }
    }

    /// The same for who has a clock: the first submission is short.
    pub(super) fn timed(self) -> Self {
        Self { dispatches: FIRST, ..self }
    }

    /// Tokens of the next chunk.
    pub(super) fn tokens(&self) -> usize {
        self.tokens
    }

    /// The most dispatches of the next submission.
    pub(super) fn dispatches(&self) -> usize {
        self.dispatches
    }

    /// Takes note of a submission.
    pub(super) fn sent(&mut self, dispatches: usize, milliseconds: f64) {
        // The short end of a chunk tells nothing, unless it took too long.
        if dispatches >= self.dispatches || milliseconds > SUBMISSION {
            self.dispatches = fitting(SUBMISSION, dispatches, milliseconds);
        }
    }

    /// Takes note of a chunk.
    pub(super) fn took(&mut self, tokens: usize, milliseconds: f64) {
        if tokens < self.tile || self.tile == self.most {
            return;
        }
        let tiles = fitting(TARGET, tokens / self.tile, milliseconds);
        self.tokens = (tiles * self.tile).min(self.most);
    }
}

/// How many fit into a time, at most twice as many as took this one: they may have been lucky.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small positive numbers; a cast of what is no number gives 0"
)]
fn fitting(time: f64, count: usize, milliseconds: f64) -> usize {
    let each = (milliseconds / count as f64).max(1e-3);
    ((time / each) as usize).clamp(1, 2 * count.max(1))
}

#[cfg(test)]
mod tests {
    use super::Pace;

    #[track_caller]
    fn check(took: &[f64], expected: usize) {
        let mut pace = Pace::new(32, 256);
        for milliseconds in took {
            pace.took(pace.tokens(), *milliseconds);
        }
        assert_eq!(pace.tokens(), expected, "{took:?}");
    }

    #[test]
    fn chunks_grow_and_shrink_with_what_they_take() {
        check(&[], 32);
        check(&[10.0], 64);
        check(&[10.0, 20.0, 40.0], 160);
        check(&[1.0, 1.0, 1.0, 1.0], 256);
        check(&[1.0, 1.0, 1.0, 400.0], 32);
        check(&[350.0, 20.0], 64);
        check(&[f64::NAN], 64);
    }

    #[test]
    fn submissions_grow_and_shrink_with_what_they_take() {
        for (took, expected) in [
            (&[][..], 8),
            (&[1.0], 16),
            (&[1.0, 1.0, 1.0], 64),
            // Forty milliseconds each: one alone is the least there is.
            (&[320.0], 1),
            (&[320.0, 10.0], 2),
            (&[30.0], 16),
            (&[60.0], 8),
            (&[120.0], 4),
        ] {
            let mut pace = Pace::new(32, 256).timed();
            for milliseconds in took {
                pace.sent(pace.dispatches(), *milliseconds);
            }
            assert_eq!(pace.dispatches(), expected, "{took:?}");
        }
        assert_eq!(Pace::new(32, 256).dispatches(), usize::MAX);
        let mut pace = Pace::new(32, 256).timed();
        for (dispatches, milliseconds, expected) in [(1, 1.0, 8), (8, 1.0, 16), (5, 100.0, 3)] {
            pace.sent(dispatches, milliseconds);
            assert_eq!(pace.dispatches(), expected, "after {dispatches}");
        }
    }

    #[test]
    fn a_fixed_pace_stays() {
        let mut pace = Pace::fixed(7);
        pace.took(7, 1.0);
        assert_eq!(pace.tokens(), 7);
    }
}
