//! Judged answers: completely by the caller, or the first tokens by their log-probabilities.

use super::theatre::{Stage, outcomes, streaming, waiting};

fn cascade(order: &'static str) -> Stage {
    waiting(order).with("judge", "\"accept\"")
}

#[test]
fn rejected_answers_move_on_until_one_is_accepted() {
    cascade("device cloud").check("0:done good", "run device, judge 0, answer 0");
    let trace = cascade("device cloud")
        .check("0:done bad 1:done", "run device, judge 0, run cloud, answer 1");
    assert_eq!(outcomes(&trace), "device rejected, cloud answered");
    cascade("device cloud spare").check(
        "0:done bad 1:done bad 2:done",
        "run device, judge 0, run cloud, judge 1, run spare, answer 2",
    );
}

#[test]
fn the_last_answer_is_not_judged() {
    cascade("device").check("0:done", "run device, answer 0");
    cascade("device cloud").check("0:fail=UNAVAILABLE 1:done", "run device, run cloud, answer 1");
}

#[test]
fn failures_in_a_cascade_are_handled_as_everywhere() {
    cascade("device cloud").check("0:fail=NOT_FOUND", "run device, fail NOT_FOUND");
    cascade("device cloud").check("0:done throw", "run device, judge 0, fail INVALID_ARGUMENT");
    cascade("device cloud").check("0:done abort good", "run device, judge 0, fail CANCELLED");
}

#[test]
fn a_rejected_answer_is_better_than_a_failure() {
    for failure in ["UNAVAILABLE", "NOT_FOUND"] {
        let script = format!("0:done bad 1:fail={failure}");
        let trace =
            cascade("device cloud").check(&script, "run device, judge 0, run cloud, answer 0");
        assert_eq!(outcomes(&trace), format!("device answered, cloud failed {failure}"));
        let whole = streaming("device cloud").with("judge", "\"accept\"");
        whole.check(&script, "run device, judge 0, run cloud, answer 0 whole");
    }
    // The most recent rejected answer is kept.
    cascade("device cloud spare").check(
        "0:done bad 1:done bad 2:fail=UNAVAILABLE",
        "run device, judge 0, run cloud, judge 1, run spare, answer 1",
    );
    // An abort stays an abort.
    cascade("device cloud").check(
        "0:done bad abort",
        "run device, judge 0, run cloud, stop 1 aborted, fail CANCELLED",
    );
    // A partial answer rejected by the gate isn't kept; one rejected at its end is.
    gated(streaming("device cloud")).check(
        "0:say=-2,-2,-2,-2 1:fail=UNAVAILABLE",
        "start device, stop 0 unsure, start cloud, fail UNAVAILABLE",
    );
    gated(streaming("device cloud"))
        .check("0:say=-2 0:done 1:fail=UNAVAILABLE", "start device, start cloud, show 0, answer 0");
}

#[test]
fn a_slow_verdict_keeps_the_next_deadline() {
    let two = cascade("device cloud").policy(r#"{"totalTimeoutMs":100}"#);
    two.check(
        "0:done wait=500 bad wait=101",
        "run device, judge 0, run cloud, stop 1 late, answer 0",
    );
}

#[test]
fn a_streaming_caller_gets_a_judged_answer_as_a_whole() {
    let both = streaming("device cloud").with("judge", "\"accept\"");
    both.clone().check("0:say 0:done good", "run device, judge 0, answer 0 whole");
    both.check("0:done bad 1:say 1:done", "run device, judge 0, run cloud, answer 1 whole");
}

fn gated(stage: Stage) -> Stage {
    stage.with("judge", r#"{"threshold":-1,"score":"mean","holdTokens":4}"#)
}

#[test]
fn confident_tokens_are_held_and_then_shown() {
    gated(streaming("device cloud")).check(
        "0:say=-0.1,-0.1 0:say=-0.1 0:say=-0.2 0:say=-9 0:done",
        "start device, show 0, show 0, show 0, answer 0",
    );
    // For every cut into chunks.
    gated(streaming("device cloud"))
        .check("0:say=-0.1,-0.1,-0.1,-0.1,-9,-9 0:done", "start device, show 0, show 0, answer 0");
}

#[test]
fn unconfident_tokens_are_never_shown() {
    let trace = gated(streaming("device cloud")).check(
        "0:say=-2,-2 0:say=-2,-2 0:say=-0.1 1:say 1:done",
        "start device, stop 0 unsure, start cloud, show 1, show 1, answer 1",
    );
    assert_eq!(outcomes(&trace), "device rejected, cloud answered");
    assert_eq!(
        trace.attempts[0].confidence.map(|it| (it.tokens, it.mean_logprob)),
        Some((4, -2.0))
    );
}

#[test]
fn a_short_answer_is_judged_by_its_tokens() {
    gated(streaming("device cloud")).check("0:say=-0.1 0:done", "start device, show 0, answer 0");
    gated(streaming("device cloud"))
        .check("0:say=-2 0:done 1:done", "start device, start cloud, show 1, answer 1 whole");
}

#[test]
fn a_waiting_caller_gets_the_same_judgement() {
    gated(waiting("device cloud"))
        .check("0:say=-0.1,-0.1,-0.1,-0.1 0:say=-9 0:done", "start device, answer 0");
    gated(waiting("device cloud"))
        .check("0:say=-2,-2,-2,-2 1:done", "start device, stop 0 unsure, run cloud, answer 1");
}

#[test]
fn without_log_probabilities_an_answer_is_accepted_and_traced() {
    for (stage, story) in [
        (streaming("device cloud"), "start device, show 0, show 0, answer 0"),
        (waiting("device cloud"), "start device, answer 0"),
    ] {
        let trace = gated(stage).check("0:say 0:done", story);
        assert!(trace.attempts[0].message.as_ref().is_some_and(|it| it.contains("taken as sure")));
    }
}

#[test]
fn the_last_branch_is_not_gated() {
    gated(streaming("device"))
        .check("0:say=-9,-9,-9,-9 0:done", "start device, show 0, show 0, answer 0");
    gated(streaming("device cloud")).check(
        "0:fail=UNAVAILABLE 1:say=-9,-9,-9,-9 1:done",
        "start device, start cloud, show 1, show 1, answer 1",
    );
}

#[test]
fn a_failure_before_the_gate_is_never_shown() {
    gated(streaming("device cloud")).check(
        "0:say=-0.1 0:fail=UNAVAILABLE 1:say 1:done",
        "start device, start cloud, show 1, show 1, answer 1",
    );
}
