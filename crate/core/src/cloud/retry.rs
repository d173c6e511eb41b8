//! Decides whether to retry the same service, and after how long. The caller waits.

use crate::Error;

/// The first pause, doubled for each further one.
const FIRST_PAUSE_MS: f64 = 1_000.0;
/// The maximum pause: beyond it, another branch answers sooner.
const LONGEST_PAUSE_MS: f64 = 60_000.0;

/// Returns the pause in milliseconds before the next attempt, or `None` to give up.
///
/// `failures` counts the failed attempts, including this one; `chance` is a random number from 0 to
/// 1 that spreads the pauses of many pages from half to one and a half of their length. A pause
/// requested by the service is used exactly, and one longer than a minute means giving up.
#[must_use]
pub fn retry_delay_ms(error: &Error, failures: u32, retries: u32, chance: f64) -> Option<u64> {
    if failures > retries || !error.status.is_transient() || error.is_hopeless() {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 60,000")]
    let longest = LONGEST_PAUSE_MS as u64;
    if let Some(asked) = error.retry_after_ms {
        return (asked <= longest).then_some(asked);
    }
    let exponent = i32::try_from(failures.saturating_sub(1)).unwrap_or(i32::MAX);
    let pause = FIRST_PAUSE_MS * 2f64.powi(exponent) * (0.5 + chance.clamp(0.0, 1.0));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 60,000")]
    Some(pause.min(LONGEST_PAUSE_MS) as u64)
}

#[cfg(test)]
mod tests {
    use super::retry_delay_ms;
    use crate::{Error, Status};

    #[track_caller]
    fn check(error: &Error, failures: u32, chance: f64, expected: Option<u64>) {
        assert_eq!(retry_delay_ms(error, failures, 8, chance), expected, "{error} {failures}");
    }

    #[test]
    fn pauses_double_and_spread() {
        let error = Error::unavailable("x");
        check(&error, 1, 0.5, Some(1_000));
        check(&error, 1, 0.0, Some(500));
        check(&error, 1, 1.0, Some(1_500));
        check(&error, 3, 0.5, Some(4_000));
        check(&error, 8, 0.5, Some(60_000));
        check(&error, 9, 0.5, None);
        check(&error, u32::MAX, 0.5, None);
        assert_eq!(retry_delay_ms(&error, 1, 0, 0.5), None, "no retries unless asked for");
        assert_eq!(retry_delay_ms(&error, u32::MAX, u32::MAX, 0.5), Some(60_000));
    }

    #[test]
    fn a_pause_requested_by_the_service_is_used() {
        let error = Error::new(Status::ResourceExhausted, "x");
        check(&error.clone().with_retry_after_ms(34_400), 1, 0.9, Some(34_400));
        check(&error.clone().with_retry_after_ms(60_001), 1, 0.9, None);
        check(&error.clone().with_code("QUOTA_DAILY"), 1, 0.5, None);
        check(&error.clone().with_code("INSUFFICIENT_QUOTA"), 1, 0.5, None);
        check(&error.with_code("QUOTA_EXCEEDED"), 1, 0.5, Some(1_000));
    }

    #[test]
    fn only_transient_failures_are_retried() {
        for status in Status::ALL {
            check(&Error::new(status, "x"), 1, 0.5, status.is_transient().then_some(1_000));
        }
    }
}
