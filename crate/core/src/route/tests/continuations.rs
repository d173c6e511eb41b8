//! Answers that broke off after content, if the caller allows another branch to continue.

use super::theatre::{outcomes, streaming, waiting};
use crate::route::Trace;

/// Formats continuations in short form: `1 continues device at 6; 0 stays: Json`.
#[track_caller]
fn check_marks(trace: &Trace, expected: &str) {
    let marks = trace.attempts.iter().enumerate().flat_map(|(at, it)| {
        let continued = it.continued.as_ref();
        let goes_on = continued.map(|it| format!("{at} goes on in {} at {}", it.from, it.at));
        let stays = it.not_continued.map(|it| format!("{at} stays: {it:?}"));
        [goes_on, stays].into_iter().flatten()
    });
    assert_eq!(marks.collect::<Vec<_>>().join("; "), expected);
}

#[test]
fn the_next_branch_continues_after_the_text_shown() {
    let trace = streaming("device cloud").continuing().check(
        "0:say 0:say 0:fail=UNAVAILABLE 1:empty 1:say 1:done",
        "start device, show 0, show 0, extend 0, start cloud, show 1, show 1, answer 1",
    );
    assert_eq!(outcomes(&trace), "device failed UNAVAILABLE, cloud answered");
    check_marks(&trace, "1 goes on in device at 6");
}

#[test]
fn an_answer_may_break_off_more_than_once() {
    let trace = streaming("device cloud spare").continuing().check(
        "0:say 0:fail=UNAVAILABLE 1:say 1:say 1:fail=INTERNAL 2:say 2:done",
        "start device, show 0, extend 0, start cloud, show 1, show 1, extend 1, start spare, show 2, show 2, answer 2",
    );
    check_marks(&trace, "1 goes on in device at 3; 2 goes on in cloud at 9");
    let trace = streaming("device cloud spare").continuing().check(
        "0:say 0:fail=UNAVAILABLE 1:fail=UNAVAILABLE 2:say 2:done",
        "start device, show 0, extend 0, start cloud, start spare, show 2, show 2, answer 2",
    );
    check_marks(&trace, "1 goes on in device at 3; 2 goes on in device at 3");
}

#[test]
fn a_continuation_that_fails_ends_with_the_last_error() {
    let trace = streaming("device cloud").continuing().check(
        "0:say 0:fail=UNAVAILABLE 1:fail=RESOURCE_EXHAUSTED",
        "start device, show 0, extend 0, start cloud, fail RESOURCE_EXHAUSTED",
    );
    assert_eq!(outcomes(&trace), "device failed UNAVAILABLE, cloud failed RESOURCE_EXHAUSTED");
}

#[test]
fn a_stall_in_the_middle_counts_as_breaking_off() {
    let trace = streaming("device cloud").continuing().policy(r#"{"idleTimeoutMs":50}"#).check(
        "0:say wait=60 1:say 1:done",
        "start device, show 0, stop 0 late, extend 0, start cloud, show 1, show 1, answer 1",
    );
    check_marks(&trace, "1 goes on in device at 3");
}

#[test]
fn an_answer_that_cannot_be_continued_is_kept_with_the_reason() {
    let stays = |stage: super::theatre::Stage, script: &str, expected: &str, marks: &str| {
        check_marks(&stage.check(script, expected), marks);
    };
    let two = || streaming("device cloud").continuing();
    let broken = "start device, show 0, fail UNAVAILABLE";
    stays(two().json(), "0:say 0:fail=UNAVAILABLE", broken, "0 stays: Json");
    stays(
        two(),
        "0:say 0:call 0:fail=UNAVAILABLE",
        "start device, show 0, show 0, fail UNAVAILABLE",
        "0 stays: ToolCall",
    );
    stays(
        streaming("device").continuing(),
        "0:say 0:fail=UNAVAILABLE",
        broken,
        "0 stays: LastBranch",
    );
    stays(
        two(),
        "0:say 0:fail=PERMISSION_DENIED",
        "start device, show 0, fail PERMISSION_DENIED",
        "0 stays: Permanent",
    );
    // Without the option, nothing is continued, and nothing is recorded.
    stays(streaming("device cloud"), "0:say 0:fail=UNAVAILABLE", broken, "");
}

#[test]
fn an_aborted_answer_is_not_continued() {
    let two = streaming("device cloud").continuing();
    two.clone().check("0:say abort", "start device, show 0, stop 0 aborted, fail CANCELLED");
    two.check(
        "0:say 0:fail=UNAVAILABLE 1:empty abort",
        "start device, show 0, extend 0, start cloud, stop 1 aborted, fail CANCELLED",
    );
}

#[test]
fn a_policy_enables_it_for_every_request() {
    let policy = r#"{"continueFrom":"partial"}"#;
    streaming("device cloud").policy(policy).check(
        "0:say 0:fail=UNAVAILABLE 1:say 1:done",
        "start device, show 0, extend 0, start cloud, show 1, show 1, answer 1",
    );
    streaming("device cloud")
        .with("branchPolicies", &format!(r#"[["cloud",{policy}]]"#))
        .check("0:say 0:fail=UNAVAILABLE", "start device, show 0, fail UNAVAILABLE");
}

#[test]
fn a_waiting_caller_gets_the_complete_answer() {
    let trace = waiting("device cloud")
        .continuing()
        .check("0:say 0:fail=UNAVAILABLE 1:done", "run device, run cloud, answer 1");
    check_marks(&trace, "");
}

#[test]
fn the_gate_does_not_hold_a_continuation_back() {
    let gate = r#"{"threshold":-1,"score":"mean","holdTokens":1}"#;
    streaming("device cloud spare").continuing().with("judge", gate).check(
        "0:say=-0.1 0:fail=UNAVAILABLE 1:say=-9 1:done",
        "start device, show 0, extend 0, start cloud, show 1, show 1, answer 1",
    );
}

#[test]
fn the_strategy_decides_again_and_may_only_narrow() {
    let privacy = r#"{"firstMatch":{"children":[{"custom":{"leaf":0,"name":"mine"}},{"fallback":{"order":["device","cloud","spare"]}}]}}"#;
    let check = |again: &str, script: &str, expected: &str, marks: &str| {
        let stage = streaming("device cloud spare").continuing().strategy(privacy);
        let script = format!("answer=null 0:say 0:fail=UNAVAILABLE answer={again} {script}");
        check_marks(
            &stage.check(
                &script,
                &format!("ask Leaf(0), start device, show 0, extend 0, ask Leaf(0), {expected}"),
            ),
            marks,
        );
    };
    check(
        "null",
        "1:say 1:done",
        "start cloud, show 1, show 1, answer 1",
        "1 goes on in device at 3",
    );
    check(
        r#"{"allow":["device","spare"]}"#,
        "1:say 1:done",
        "start spare, show 1, show 1, answer 1",
        "1 goes on in device at 3",
    );
    check(r#"{"allow":["device"]}"#, "", "fail UNAVAILABLE", "0 stays: NotAllowed");
    check(r#"["another"]"#, "", "fail UNAVAILABLE", "0 stays: NotAllowed");
}
