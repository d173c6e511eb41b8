//! A table: scripts of what happens, and the story of what is done.

use super::{Action, CrashMark, Event, Life, Phase};
use crate::{Error, Status};

fn event(word: &str) -> Event {
    let (name, number) = word.split_once('=').unwrap_or((word, "0"));
    let number: u32 = number.parse().unwrap();
    let mark = Some(CrashMark { context_window: 4096, loads: 2, at: 0.0 });
    let load =
        |mark, force| Event::Load { caller: number, force, mark, context_window: 4096, now: 1.0 };
    match name {
        "load" => load(None, false),
        "load-suspect" => load(mark, false),
        "load-force" => load(mark, true),
        "left" => Event::CallerLeft(number),
        "download" => Event::Reached(Phase::Download),
        "device" => Event::Reached(Phase::Device),
        "loaded" => Event::Loaded,
        "fails" => Event::LoadFailed(Error::new(Status::NotFound, "no such file").with_code("X")),
        "cancelled" => Event::LoadFailed(Error::cancelled()),
        "died" => Event::EngineDied,
        "ok" => Event::Succeeded,
        "hide" => Event::PageLeft,
        "show" => Event::PageBack,
        "dispose" => Event::Dispose,
        _ => panic!("no such event: {word}"),
    }
}

#[track_caller]
fn check(script: &str, expected: &str) {
    let mut life = Life::new(!script.starts_with("unkept"));
    let mut story = Vec::new();
    for word in script.split_whitespace().filter(|it| *it != "unkept") {
        for action in life.feed(event(word)) {
            story.push(match action {
                Action::Start { may_download: true } => "fetch".to_owned(),
                Action::Start { may_download: false } => "rebuild".to_owned(),
                Action::Stop => "stop".to_owned(),
                Action::Mark => "mark".to_owned(),
                Action::Unmark => "unmark".to_owned(),
                Action::Settle(caller, Ok(())) => format!("{caller} ok"),
                Action::Settle(caller, Err(error)) => {
                    let word = error.code.unwrap_or(error.status.as_str().into());
                    format!("{caller} {word}")
                }
            });
        }
    }
    story.push(format!("{:?}", life.state()).to_lowercase());
    assert_eq!(story.join(", "), expected, "{script}");
}

#[test]
fn loads_are_shared() {
    check("load=1 download device loaded", "fetch, mark, unmark, 1 ok, ready");
    check("load=1 load=2 loaded load=3", "fetch, 1 ok, 2 ok, 3 ok, ready");
    check("load=1 load=2 left=1 loaded", "fetch, 1 CANCELLED, 2 ok, ready");
    check("load=1 load=2 left=1 left=2", "fetch, 1 CANCELLED, 2 CANCELLED, stop, absent");
    check("load=1 left=1 loaded load=2", "fetch, 1 CANCELLED, stop, fetch, loading");
    check("load=1 left=9", "fetch, loading");
}

#[test]
fn another_callers_stop_is_no_cancellation() {
    check("load=1 cancelled", "fetch, 1 LOAD_STOPPED, absent");
    check("load=1 load=2 dispose loaded", "fetch, stop, 1 DISPOSED, 2 DISPOSED, disposed");
    check("load=1 dispose load=2 loaded", "fetch, stop, 1 DISPOSED, fetch, 2 ok, ready");
    check("load=1 hide", "fetch, stop, 1 PAGE_LEFT, absent");
    check("dispose dispose", "stop, disposed");
}

#[test]
fn an_engine_is_built_again_twice() {
    let start = "fetch, 1 ok";
    check("load=1 loaded died loaded", &format!("{start}, rebuild, ready"));
    check("load=1 loaded died died died", &format!("{start}, rebuild, rebuild, failed"));
    check(
        "load=1 loaded died loaded ok died loaded ok died loaded",
        &format!("{start}, rebuild, rebuild, rebuild, ready"),
    );
    check(
        "load=1 loaded died died died load=2",
        &format!("{start}, rebuild, rebuild, fetch, loading"),
    );
    check("unkept load=1 loaded died", &format!("{start}, failed"));
    check("load=1 device died loaded", "fetch, mark, unmark, rebuild, 1 ok, ready");
    check("load=1 download died", "fetch, 1 WORKER_CRASHED, absent");
    // A rebuild goes on without a caller, and one that waits for it may leave.
    check(
        "load=1 loaded died load=2 left=2 loaded",
        &format!("{start}, rebuild, 2 CANCELLED, ready"),
    );
    check("load=1 fails died", "fetch, 1 X, failed");
    check("died", "absent");
}

#[test]
fn a_page_comes_back_with_what_it_had() {
    check("load=1 loaded hide show loaded", "fetch, 1 ok, stop, rebuild, ready");
    check("load=1 hide show", "fetch, stop, 1 PAGE_LEFT, absent");
    check("load=1 loaded died hide show", "fetch, 1 ok, rebuild, stop, rebuild, loading");
    check("load=1 loaded hide dispose show", "fetch, 1 ok, stop, stop, disposed");
}

#[test]
fn a_suspected_load_waits_for_force() {
    check("load-suspect=1", "1 CRASHED_BEFORE, absent");
    check(
        "load-suspect=1 load-force=2 device loaded",
        "1 CRASHED_BEFORE, fetch, mark, unmark, 2 ok, ready",
    );
    check("load-force=1 load-suspect=2 loaded", "fetch, 1 ok, 2 ok, ready");
}
