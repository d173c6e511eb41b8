//! Hedging: two branches at once, if the first is silent.

use super::theatre::{outcomes, streaming, waiting};

const HEDGE: &str = r#"{"hedgeAfterMs":100}"#;

#[test]
fn the_first_branch_with_content_wins() {
    let two = streaming("device cloud").policy(HEDGE);
    two.clone().check("wait=99 0:say 0:done", "start device, show 0, show 0, answer 0");
    let trace = two.clone().check(
        "wait=100 1:say 0:say 1:done",
        "start device, start cloud, stop 0 overtaken, show 1, show 1, answer 1",
    );
    assert_eq!(outcomes(&trace), "device stopped, cloud answered");
    two.clone().check(
        "wait=100 1:empty 0:say 1:say 0:done",
        "start device, start cloud, stop 1 overtaken, show 0, show 0, answer 0",
    );
    two.check(
        "wait=100 0:done",
        "start device, start cloud, stop 1 overtaken, show 0, answer 0 whole",
    );
}

#[test]
fn the_branch_that_called_the_tools_is_not_hedged() {
    let two = streaming("cloud device").policy(HEDGE).answering("device");
    two.check("wait=100 0:say 0:done", "start device, show 0, show 0, answer 0");
}

#[test]
fn a_hedge_already_is_the_next_branch() {
    let three = streaming("device cloud spare").policy(HEDGE);
    three.clone().check(
        "wait=100 0:fail=UNAVAILABLE 1:say 1:done",
        "start device, start cloud, show 1, show 1, answer 1",
    );
    three.clone().check(
        "wait=100 0:fail=UNAVAILABLE wait=100 2:say 2:done",
        "start device, start cloud, start spare, stop 1 overtaken, show 2, show 2, answer 2",
    );
    three.check(
        "wait=100 0:fail=UNAVAILABLE 1:fail=UNAVAILABLE 2:fail=INTERNAL",
        "start device, start cloud, start spare, fail INTERNAL",
    );
}

#[test]
fn at_most_two_branches_run() {
    streaming("device cloud spare").policy(HEDGE).check(
        "wait=1000 abort",
        "start device, start cloud, stop 0 aborted, stop 1 aborted, fail CANCELLED",
    );
    streaming("device")
        .policy(HEDGE)
        .check("wait=1000 0:done", "start device, show 0, answer 0 whole");
    streaming("device cloud").check("wait=100000 0:done", "start device, show 0, answer 0 whole");
}

#[test]
fn a_permanent_failure_ends_both() {
    streaming("device cloud").policy(HEDGE).check(
        "wait=100 1:fail=UNAUTHENTICATED",
        "start device, start cloud, stop 0 overtaken, fail UNAUTHENTICATED",
    );
}

#[test]
fn waiting_callers_are_hedged_too() {
    waiting("device cloud")
        .policy(HEDGE)
        .check("wait=100 1:say 1:done", "start device, start cloud, stop 0 overtaken, answer 1");
}
