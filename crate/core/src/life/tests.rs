//! A table of scripts: events, and the actions expected for them. The package's TypeScript twin is
//! tested with the same file.

use super::{Action, CrashMark, Event, Life, Phase};
use crate::{Error, Status};

fn event(word: &str) -> Event {
    let (name, number) = word.split_once('=').unwrap_or((word, "0"));
    let number: u32 = number.parse().unwrap();
    match name {
        "load" => Event::Load(number),
        "marked" => {
            let mark = CrashMark { context_window: 4096, loads: number, at: 0.0 };
            Event::Marked { mark, context_window: 4096, now: 1.0 }
        }
        "left" => Event::CallerLeft(number),
        "download" => Event::Reached(Phase::Download),
        "stored" => Event::Reached(Phase::Stored),
        "device" => Event::Reached(Phase::Device),
        "loaded" => Event::Loaded,
        "fails" => Event::LoadFailed(Error::new(Status::NotFound, "no file").with_code("FAILED")),
        "cancelled" => Event::LoadFailed(Error::cancelled()),
        "died" => Event::EngineDied(Error::unavailable("it died").with_code("DIED")),
        "ok" => Event::Succeeded,
        "hide" => Event::PageLeft,
        "show" => Event::PageBack,
        "dispose" => Event::Dispose,
        "found" => Event::Found,
        "gone" => Event::Gone,
        _ => panic!("no such event: {word}"),
    }
}

fn story(script: &str) -> String {
    let mut life = Life::new(!script.starts_with("unkept"));
    let mut story = Vec::new();
    for word in script.split_whitespace().filter(|it| *it != "unkept") {
        for action in life.feed(event(word)) {
            story.push(match action {
                Action::Start { may_download: true } => "fetch".to_owned(),
                Action::Start { may_download: false } => "rebuild".to_owned(),
                Action::Stop => "stop".to_owned(),
                Action::End => "end".to_owned(),
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
    story.join(", ")
}

#[test]
fn every_script_runs_as_recorded() {
    let file = include_str!("../../../../tests/fixtures/life.json");
    let file: serde_json::Value = serde_json::from_str(file).unwrap();
    let stories = file.get("stories").and_then(|it| it.as_array()).unwrap();
    assert!(stories.len() > 30);
    for pair in stories {
        let (script, expected) = (pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
        assert_eq!(story(script), expected, "{script}");
    }
}
