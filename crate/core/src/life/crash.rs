//! Detects loads that crashed their tab.

use crate::Error;

/// How many tabs in a row must have ended before a load is suspected. Systems end tabs for other
/// reasons, too.
const ENOUGH: u32 = 2;
/// How long a record remains valid.
const LIFETIME_MS: f64 = 86_400_000.0;

/// The record of loads during whose upload to the device the tab ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrashMark {
    /// The smallest context window of these loads.
    pub context_window: u32,
    /// The number of consecutive loads.
    pub loads: u32,
    /// The time of the last one, in milliseconds since 1970.
    pub at: f64,
}

impl CrashMark {
    /// Returns the record to store for a load that begins after `previous` was found.
    #[must_use]
    pub fn next(previous: Option<Self>, context_window: u32, now: f64) -> Self {
        match previous.filter(|it| it.counts(now)) {
            None => Self { context_window, loads: 1, at: now },
            Some(mark) => Self {
                context_window: mark.context_window.min(context_window),
                loads: mark.loads.saturating_add(1),
                at: now,
            },
        }
    }

    /// Whether the record blocks a load with this context window.
    #[must_use]
    pub fn is_suspect(&self, context_window: u32, now: f64) -> bool {
        self.counts(now) && self.loads >= ENOUGH && context_window >= self.context_window
    }

    /// Whether the record is neither expired nor from the future.
    fn counts(&self, now: f64) -> bool {
        (0.0..LIFETIME_MS).contains(&(now - self.at))
    }

    pub(super) fn error(&self) -> Error {
        Error::precondition(format!(
            "loading this model with a context window of {} ended the page {} times; choose a \
             smaller one, or load with force: true",
            self.context_window, self.loads
        ))
        .with_code("CRASHED_BEFORE")
    }
}

#[cfg(test)]
mod tests {
    use super::CrashMark;

    #[test]
    fn two_dead_tabs_within_a_day_are_a_suspicion() {
        let day = 86_400_000.0;
        let once = CrashMark::next(None, 4096, 0.0);
        assert!(!once.is_suspect(4096, 1.0), "one proves nothing");
        let twice = CrashMark::next(Some(once), 8192, 10.0);
        assert_eq!((twice.loads, twice.context_window), (2, 4096));
        for (context_window, now, expected) in [
            (4096, 11.0, true),
            (9000, 11.0, true),
            (2048, 11.0, false),
            (4096, 10.0 + day, false),
            (4096, 9.0, false),
            (4096, f64::NAN, false),
        ] {
            assert_eq!(twice.is_suspect(context_window, now), expected, "{context_window} {now}");
        }
        let later = CrashMark::next(Some(twice), 4096, 11.0 + day);
        assert_eq!(later.loads, 1, "yesterday's count for nothing");
    }
}
