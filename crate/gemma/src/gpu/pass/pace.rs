//! Decides how many tokens of a prompt go to the GPU at once, and how much work goes into a
//! submission: few enough that aborts take effect soon and no watchdog considers the GPU hung, but
//! as many as that allows.

/// Milliseconds of the caller's clock.
pub type Clock = fn() -> f64;

/// The target duration of a chunk in milliseconds: half of what people notice, because the next may
/// take longer.
const TARGET: f64 = 50.0;
/// The target duration of a submission in milliseconds: some work takes longer than its estimate.
const SUBMISSION: f64 = 60.0;
/// The multiply-adds of the first timed submission: milliseconds even on a slow CPU.
const FIRST: u64 = 1 << 23;

/// The tokens of the next chunk and multiply-adds of the next submission, derived from earlier
/// durations.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    tokens: usize,
    budget: u64,
    tile: usize,
    most: usize,
    clock: Option<Clock>,
}

impl Pace {
    /// Starts with one tile, and uses whole ones.
    pub(crate) fn new(tile: usize, most: usize) -> Self {
        Self { tokens: tile.min(most).max(1), budget: u64::MAX, tile, most, clock: None }
    }

    /// A fixed number of tokens.
    pub(crate) fn fixed(tokens: usize) -> Self {
        Self { tokens, budget: u64::MAX, tile: tokens, most: tokens, clock: None }
    }

    /// The same with a clock, and this many multiply-adds in the first submission: by default few
    /// with a clock, and unlimited without one.
    pub(crate) fn timed(self, clock: Option<Clock>, first: Option<u64>) -> Self {
        let usual = if clock.is_some() { FIRST } else { u64::MAX };
        Self { clock, budget: first.unwrap_or(usual), ..self }
    }

    /// Returns the tokens of the next chunk.
    pub(crate) fn tokens(&self) -> usize {
        self.tokens
    }

    /// Returns the multiply-adds of the next submission.
    pub(crate) fn budget(&self) -> u64 {
        self.budget
    }

    /// Returns the time, if there is a clock.
    pub(crate) fn now(&self) -> Option<f64> {
        self.clock.map(|clock| clock())
    }

    /// Records the duration of a submission.
    pub(crate) fn sent_since(&mut self, start: Option<f64>, cost: u64) {
        if let (Some(start), Some(end)) = (start, self.now()) {
            self.sent(cost, end - start);
        }
    }

    /// Records the duration of a chunk.
    pub(crate) fn took_since(&mut self, start: Option<f64>, tokens: usize) {
        if let (Some(start), Some(end)) = (start, self.now()) {
            self.took(tokens, end - start);
        }
    }

    /// Records the duration of a submission.
    pub(crate) fn sent(&mut self, cost: u64, milliseconds: f64) {
        // Little work gives no estimate, unless it took too long.
        if cost >= self.budget / 2 || milliseconds > SUBMISSION {
            self.budget = fitting(SUBMISSION, cost, milliseconds);
        }
    }

    /// Records the duration of a chunk.
    pub(crate) fn took(&mut self, tokens: usize, milliseconds: f64) {
        if tokens < self.tile || self.tile == self.most {
            return;
        }
        let tiles = fitting(TARGET, (tokens / self.tile) as u64, milliseconds);
        let most = self.most / self.tile.max(1) + 1;
        self.tokens = (usize::try_from(tiles).unwrap_or(most).min(most) * self.tile).min(self.most);
    }
}

/// Returns how much fits into a duration, at most twice the last amount, which may have been lucky.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "only the first digits of positive numbers matter; NaN becomes 0"
)]
fn fitting(time: f64, done: u64, milliseconds: f64) -> u64 {
    let done = done.max(1);
    // `max` ignores NaN.
    ((time * done as f64 / milliseconds.max(1e-3)) as u64).clamp(1, done.saturating_mul(2))
}

#[cfg(test)]
mod tests {
    use super::{FIRST, Pace};

    #[track_caller]
    fn check(took: &[f64], expected: usize) {
        let mut pace = Pace::new(32, 256);
        for milliseconds in took {
            pace.took(pace.tokens(), *milliseconds);
        }
        assert_eq!(pace.tokens(), expected, "{took:?}");
    }

    #[test]
    fn chunks_grow_and_shrink_with_their_duration() {
        check(&[], 32);
        check(&[10.0], 64);
        check(&[10.0, 20.0, 40.0], 160);
        check(&[1.0, 1.0, 1.0, 1.0], 256);
        check(&[1.0, 1.0, 1.0, 400.0], 32);
        check(&[350.0, 20.0], 64);
        check(&[f64::NAN], 64);
    }

    /// Submissions as cost and milliseconds, 0 for the maximum allowed.
    #[track_caller]
    fn check_budget(first: u64, sent: &[(u64, f64)], expected: u64) {
        let mut pace = Pace::new(32, 256).timed(Some(|| 0.0), Some(first));
        for (cost, milliseconds) in sent {
            pace.sent(if *cost == 0 { pace.budget() } else { *cost }, *milliseconds);
        }
        assert_eq!(pace.budget(), expected, "{first}: {sent:?}");
    }

    #[test]
    fn submissions_grow_and_shrink_with_their_duration() {
        check_budget(1000, &[], 1000);
        check_budget(1000, &[(0, 1.0)], 2000);
        check_budget(1000, &[(0, 1.0), (0, 1.0), (0, 1.0)], 8000);
        check_budget(1000, &[(0, 40.0)], 1500);
        check_budget(1000, &[(0, 60.0)], 1000);
        check_budget(1000, &[(0, 120.0)], 500);
        check_budget(1000, &[(0, 6000.0), (0, 10.0)], 20);
        check_budget(1000, &[(0, 1e9)], 1);
        check_budget(1000, &[(0, 1e9), (0, 1.0)], 2);
        check_budget(1000, &[(0, f64::NAN)], 2000);
        check_budget(1000, &[(0, 0.0)], 2000);
    }

    #[test]
    fn with_a_clock_the_first_submission_is_short() {
        let first = |clock| Pace::fixed(7).timed(clock, None).budget();
        assert_eq!((first(None), first(Some(|| 0.0))), (u64::MAX, FIRST));
        assert_eq!(Pace::fixed(7).timed(None, Some(5)).budget(), 5);
    }

    #[test]
    fn a_partial_submission_counts_less() {
        // Less than half of the maximum is mostly overhead, unless it took too long.
        check_budget(1000, &[(499, 50.0)], 1000);
        check_budget(1000, &[(499, 61.0)], 490);
        check_budget(1000, &[(500, 50.0)], 600);
        check_budget(1000, &[(500, 1.0)], 1000);
        check_budget(1000, &[(900, 1.0)], 1800);
        // A single workgroup that exceeds the maximum.
        check_budget(1000, &[(5000, 150.0)], 2000);
        check_budget(1000, &[(5000, 30.0)], 10_000);
    }

    #[test]
    fn a_rate_is_found_and_adjusted() {
        // Multiply-adds per millisecond: a slow CPU's, a fast GPU's, then a slow one's again.
        let mut pace = Pace::new(32, 256).timed(Some(|| 0.0), None);
        for (rate, turns) in [(1e5_f64, 3), (1e9, 20), (1e6, 2)] {
            for _ in 0..turns {
                pace.sent(pace.budget(), 0.5 + pace.budget() as f64 / rate);
            }
            let takes = 0.5 + pace.budget() as f64 / rate;
            assert!((55.0..65.0).contains(&takes), "{rate:e}: {takes} ms");
        }
    }

    #[test]
    fn a_fixed_pace_is_constant() {
        let mut pace = Pace::fixed(7);
        pace.took(7, 1.0);
        assert_eq!((pace.tokens(), pace.budget()), (7, u64::MAX));
    }
}
