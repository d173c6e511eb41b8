//! Which failures move on, when a stream is committed, and how runs end.

use super::theatre::{outcomes, streaming, waiting};
use crate::Status;
use crate::route::Health;

#[test]
fn the_first_answer_is_returned() {
    waiting("device cloud").check("0:done", "run device, answer 0");
    streaming("device cloud").check("0:say 0:done", "start device, show 0, show 0, answer 0");
    streaming("device cloud").check("0:done", "start device, show 0, answer 0 whole");
}

#[test]
fn transient_failures_move_on_and_permanent_ones_do_not() {
    for status in Status::ALL {
        let name = status.as_str();
        let expected = if status.is_transient() {
            "run device, run cloud, answer 1".to_owned()
        } else {
            format!("run device, fail {name}")
        };
        waiting("device cloud").check(&format!("0:fail={name} 1:done"), &expected);
    }
}

#[test]
fn the_last_error_is_returned() {
    let trace = waiting("device cloud").check(
        "0:fail=UNAVAILABLE 1:fail=RESOURCE_EXHAUSTED",
        "run device, run cloud, fail RESOURCE_EXHAUSTED",
    );
    assert_eq!(outcomes(&trace), "device failed UNAVAILABLE, cloud failed RESOURCE_EXHAUSTED");
    waiting("device").check("0:fail=UNAVAILABLE", "run device, fail UNAVAILABLE");
}

#[test]
fn a_duplicate_is_tried_again() {
    waiting("cloud cloud").check("0:fail=INTERNAL 1:done", "run cloud, run cloud, answer 1");
}

#[test]
fn content_commits_and_a_preamble_does_not() {
    let two = streaming("device cloud");
    two.clone().check("0:say 0:fail=UNAVAILABLE", "start device, show 0, fail UNAVAILABLE");
    two.clone().check(
        "0:empty 0:empty 0:fail=UNAVAILABLE 1:say 1:done",
        "start device, start cloud, show 1, show 1, answer 1",
    );
    two.clone()
        .check("0:empty 0:say 0:empty 0:done", "start device, show 0, show 0, show 0, answer 0");
    two.clone().check("0:empty 0:done", "start device, show 0, answer 0 whole");
    // Reasoning is content only if it was requested.
    two.clone().check(
        "0:think 0:fail=UNAVAILABLE 1:done",
        "start device, start cloud, show 1, answer 1 whole",
    );
    two.config(r#"{"includeReasoning":true}"#)
        .check("0:think 0:fail=UNAVAILABLE", "start device, show 0, fail UNAVAILABLE");
}

#[test]
fn nothing_is_committed_for_a_waiting_caller() {
    waiting("device cloud")
        .check("0:say 0:fail=UNAVAILABLE 1:done", "run device, run cloud, answer 1");
}

#[test]
fn an_abort_stops_everything_and_never_falls_back() {
    let two = streaming("device cloud");
    let trace = two.clone().check("abort", "start device, stop 0 aborted, fail CANCELLED");
    assert_eq!(outcomes(&trace), "device stopped");
    two.clone()
        .check("0:say abort 0:say 0:done", "start device, show 0, stop 0 aborted, fail CANCELLED");
    two.clone().check("0:fail=CANCELLED", "start device, fail CANCELLED");
    two.policy(r#"{"fallbackOn":["CANCELLED"]}"#)
        .check("0:fail=CANCELLED", "start device, fail CANCELLED");
}

#[test]
fn an_exception_of_a_callback_is_no_branch_failure() {
    let trace = streaming("device cloud")
        .check("throw", "start device, stop 0 aborted, fail INVALID_ARGUMENT");
    assert_eq!(outcomes(&trace), "device stopped");
}

#[test]
fn policies_determine_which_failures_move_on() {
    let own = r#"[["device",{"fallbackOn":["NOT_FOUND"]}]]"#;
    let two = waiting("device cloud spare").with("branchPolicies", own);
    two.clone().check("0:fail=NOT_FOUND 1:done", "run device, run cloud, answer 1");
    two.clone().check("0:fail=UNAVAILABLE", "run device, fail UNAVAILABLE");
    two.check("0:fail=NOT_FOUND 1:fail=NOT_FOUND", "run device, run cloud, fail NOT_FOUND");
}

#[test]
fn deadlines_of_an_attempt() {
    let first = streaming("device cloud").policy(r#"{"firstTokenTimeoutMs":100}"#);
    let trace = first.clone().check(
        "wait=99 wait=1 1:say 1:done",
        "start device, stop 0 late, start cloud, show 1, show 1, answer 1",
    );
    assert_eq!(outcomes(&trace), "device failed DEADLINE_EXCEEDED, cloud answered");
    first.clone().check(
        "wait=50 0:empty wait=50 1:done",
        "start device, stop 0 late, start cloud, show 1, answer 1 whole",
    );
    first.check("wait=50 0:say wait=1000 0:done", "start device, show 0, show 0, answer 0");

    let idle = streaming("device cloud").policy(r#"{"idleTimeoutMs":100}"#);
    idle.clone().check(
        "wait=900 0:say wait=99 0:say wait=99 0:done",
        "start device, show 0, show 0, show 0, answer 0",
    );
    idle.check(
        "0:say wait=60 0:say wait=100",
        "start device, show 0, show 0, stop 0 late, fail DEADLINE_EXCEEDED",
    );

    let total = waiting("device cloud").policy(r#"{"totalTimeoutMs":100}"#);
    total.clone().check("wait=100 1:done", "run device, stop 0 late, run cloud, answer 1");
    total.check(
        "wait=100 wait=100",
        "run device, stop 0 late, run cloud, stop 1 late, fail DEADLINE_EXCEEDED",
    );
}

#[test]
fn a_deadline_makes_branches_stream_even_for_waiting_callers() {
    waiting("device cloud").policy(r#"{"firstTokenTimeoutMs":100}"#).check(
        "0:say wait=200 0:fail=UNAVAILABLE wait=100",
        "start device, start cloud, stop 1 late, fail DEADLINE_EXCEEDED",
    );
}

#[test]
fn late_events_are_ignored() {
    streaming("device cloud").check(
        "0:fail=UNAVAILABLE 0:say 0:done 0:fail=NOT_FOUND 1:say good bad 1:done 1:fail=INTERNAL abort",
        "start device, start cloud, show 1, show 1, answer 1",
    );
}

#[test]
fn speeds_are_measured() {
    let one = streaming("device");
    let plan = one.plan();
    let mut health = Health::new(3);
    one.check_again(
        &plan,
        &mut health,
        0.0,
        "wait=200 0:say wait=1000 0:done=11",
        "start device, show 0, show 0, answer 0",
    );
    let report = health.report(0, &Default::default(), 2000.0);
    assert_eq!((report.first_token_ms, report.tokens_per_second), (Some(200.0), Some(10.0)));
}

#[test]
fn tool_results_go_to_the_branch_that_called() {
    let two = streaming("device cloud");
    two.clone().answering("cloud").check("0:say 0:done", "start cloud, show 0, show 0, answer 0");
    two.clone().answering("cloud").check(
        "0:fail=UNAVAILABLE 1:say 1:done",
        "start cloud, start device, show 1, show 1, answer 1",
    );
    two.clone()
        .answering("cloud")
        .check("0:say 0:fail=UNAVAILABLE", "start cloud, show 0, fail UNAVAILABLE");
    // Even if the strategy would not choose it, but never if there is no such branch.
    two.clone().answering("spare").check("0:say 0:done", "start spare, show 0, show 0, answer 0");
    two.answering("gone").check("0:say 0:done", "start device, show 0, show 0, answer 0");
}

#[test]
fn a_stalled_network_falls_back_by_default() {
    let remote = |order| waiting(order).with("remote", r#"["cloud"]"#);
    remote("cloud device").check("wait=14999 0:say 0:done", "start cloud, answer 0");
    remote("cloud device")
        .check("wait=15000 1:done", "start cloud, stop 0 late, run device, answer 1");
    // The last branch has no fallback, and a device is not behind a network.
    remote("device cloud").check(
        "wait=99999 0:fail=UNAVAILABLE wait=99999 1:done",
        "run device, run cloud, answer 1",
    );
    let patient = r#"{"firstTokenTimeoutMs":60000}"#;
    remote("cloud device").policy(patient).check("wait=59999 0:done", "start cloud, answer 0");
}
