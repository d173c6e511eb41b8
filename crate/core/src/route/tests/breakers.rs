//! Branches that are paused after failures.

use super::theatre::{Stage, outcomes, streaming, waiting};
use crate::route::Health;

/// Runs scripts one after another with one hybrid, each at its time.
#[track_caller]
fn check(stage: &Stage, plays: &[(f64, &str, &str)]) {
    let plan = stage.plan();
    let mut health = Health::new(3);
    for (at, script, expected) in plays {
        stage.check_again(&plan, &mut health, *at, script, expected);
    }
}

#[test]
fn consecutive_failures_open_it() {
    let two = waiting("device cloud").policy(r#"{"breaker":{"failures":2,"cooldownMs":100}}"#);
    let fails = ("0:fail=UNAVAILABLE 1:done", "run device, run cloud, answer 1");
    check(
        &two,
        &[
            (0.0, fails.0, fails.1),
            (1.0, "0:done", "run device, answer 0"),
            (2.0, fails.0, fails.1),
            (3.0, fails.0, fails.1),
            // Open: skipped for a hundred milliseconds.
            (4.0, "1:done", "run cloud, answer 1"),
            (102.0, "1:done", "run cloud, answer 1"),
            // One request probes; it fails, and the breaker stays open.
            (103.0, fails.0, fails.1),
            (104.0, "1:done", "run cloud, answer 1"),
            // The branch recovers.
            (203.0, "0:done", "run device, answer 0"),
            (204.0, fails.0, fails.1),
            (205.0, "0:done", "run device, answer 0"),
        ],
    );
}

#[test]
fn without_a_policy_failures_do_not_open_it() {
    let fails = "0:fail=UNAVAILABLE 1:done";
    let plays: Vec<_> =
        (0..9).map(|at| (f64::from(at), fails, "run device, run cloud, answer 1")).collect();
    check(&waiting("device cloud"), &plays);
}

#[test]
fn the_callers_mistakes_do_not_open_it() {
    let one = waiting("device").policy(r#"{"breaker":{"failures":1,"cooldownMs":100}}"#);
    check(
        &one,
        &[
            (0.0, "0:fail=INVALID_ARGUMENT", "run device, fail INVALID_ARGUMENT"),
            (1.0, "0:done", "run device, answer 0"),
        ],
    );
}

#[test]
fn a_service_is_skipped_as_long_as_it_requests() {
    check(
        &waiting("cloud device"),
        &[
            (0.0, "0:fail=RESOURCE_EXHAUSTED@22000 1:done", "run cloud, run device, answer 1"),
            (21_999.0, "1:done", "run device, answer 1"),
            (22_000.0, "0:done", "run cloud, answer 0"),
        ],
    );
}

#[test]
fn a_daily_quota_opens_it_for_long_despite_a_short_delay() {
    for code in ["QUOTA_DAILY@22000", "INSUFFICIENT_QUOTA"] {
        let used_up = format!("0:fail=RESOURCE_EXHAUSTED/{code} 1:done");
        check(
            &waiting("cloud device"),
            &[
                (0.0, &used_up, "run cloud, run device, answer 1"),
                (3_599_999.0, "1:done", "run device, answer 1"),
                (3_600_000.0, "0:done", "run cloud, answer 0"),
            ],
        );
    }
}

#[test]
fn a_lost_gpu_opens_it() {
    let lost = "0:fail=UNAVAILABLE/DEVICE_LOST 1:done";
    check(
        &waiting("device cloud"),
        &[
            (0.0, lost, "run device, run cloud, answer 1"),
            (29_999.0, "1:done", "run cloud, answer 1"),
            (30_000.0, "0:done", "run device, answer 0"),
        ],
    );
}

#[test]
fn if_all_breakers_are_open_the_reason_is_reported() {
    let one = waiting("cloud");
    let plan = one.plan();
    let mut health = Health::new(3);
    one.check_again(
        &plan,
        &mut health,
        0.0,
        "0:fail=RESOURCE_EXHAUSTED@1000",
        "run cloud, fail RESOURCE_EXHAUSTED",
    );
    let trace = one.check_again(&plan, &mut health, 400.0, "", "fail RESOURCE_EXHAUSTED");
    assert_eq!(outcomes(&trace), "cloud skipped RESOURCE_EXHAUSTED");
    assert!(trace.attempts[0].message.as_ref().is_some_and(|it| it.contains("another 600 ms")));
}

#[test]
fn a_service_opens_it_for_at_most_a_day() {
    check(
        &waiting("cloud device"),
        &[
            (
                0.0,
                "0:fail=RESOURCE_EXHAUSTED@31536000000 1:done",
                "run cloud, run device, answer 1",
            ),
            (86_399_999.0, "1:done", "run device, answer 1"),
            (86_400_000.0, "0:done", "run cloud, answer 0"),
        ],
    );
}

#[test]
fn the_end_of_an_older_attempt_does_not_start_a_second_probe() {
    let mut health = Health::new(1);
    let failure = crate::Error::unavailable("down").with_retry_after_ms(100);
    let old = health.started(0);
    let opener = health.started(0);
    health.failed((0, opener), &failure, true, None, 0.0);
    assert!(health.closed_by(0, 99.0).is_some() && health.closed_by(0, 100.0).is_none());
    let probe = health.started(0);
    assert!(probe.is_some() && health.closed_by(0, 100.0).is_some());
    health.stopped(0, old);
    assert!(health.closed_by(0, 100.0).is_some(), "the probe is still in flight");
    health.stopped(0, probe);
    assert!(health.closed_by(0, 100.0).is_none());
}

#[test]
fn one_request_probes_and_an_aborted_probe_has_no_effect() {
    let two = streaming("cloud device").policy(r#"{"breaker":{"failures":1,"cooldownMs":100}}"#);
    check(
        &two,
        &[
            (0.0, "0:fail=UNAVAILABLE 1:done", "start cloud, start device, show 1, answer 1 whole"),
            (100.0, "abort", "start cloud, stop 0 aborted, fail CANCELLED"),
            (101.0, "0:done", "start cloud, show 0, answer 0 whole"),
        ],
    );
}
