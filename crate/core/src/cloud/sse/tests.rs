//! Tests every cut of the input.

use std::fmt::Write as _;

use proptest::prelude::{Strategy, any, prop, prop_assert_eq, proptest};

use super::{Decoder, Event};
use crate::{Result, Status};

/// Formats events as `name|data`, with a `~` before those cut off by the end; then the stray lines.
fn decode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut decoder = Decoder::default();
    let mut got = Vec::new();
    let mut keep = |event: Event<'_>| {
        let cut = if event.terminated { "" } else { "~" };
        got.push(format!("{cut}{}|{}", event.name, event.data));
        Ok(())
    };
    for chunk in chunks {
        decoder.feed(chunk, &mut keep).unwrap();
    }
    decoder.end(&mut keep).unwrap();
    if !decoder.stray().is_empty() {
        got.push(format!("stray {}", decoder.stray().trim_end()));
    }
    got
}

#[track_caller]
fn check_bytes(input: &[u8], expected: &[&str]) {
    for cut in 0..=input.len() {
        let (head, tail) = input.split_at(cut);
        assert_eq!(decode([head, tail]), expected, "cut at byte {cut} of {input:?}");
    }
    assert_eq!(decode(input.chunks(1)), expected, "byte by byte: {input:?}");
}

#[track_caller]
fn check(input: &str, expected: &[&str]) {
    check_bytes(input.as_bytes(), expected);
}

#[test]
fn lines_end_in_lf_cr_or_crlf() {
    check("data: a\n\ndata: b\n\n", &["|a", "|b"]);
    check("data: a\r\rdata: b\r\r", &["|a", "|b"]);
    check("data: a\r\n\r\ndata: b\r\n\r\n", &["|a", "|b"]);
    check("data: a\r\n\ndata: b\n\r\n", &["|a", "|b"]);
    check("data: a\n\r\rdata: b\r\n\r", &["|a", "|b"]);
}

#[test]
fn data_lines_are_joined() {
    check("data: a\ndata: b\n\n", &["|a\nb"]);
    check("data\ndata\n\n", &["|\n"]);
    check("data:\n\n", &["|"]);
    check("data:  two spaces\n\n", &["| two spaces"]);
    check("data:a:b\n\n", &["|a:b"]);
}

#[test]
fn other_fields_are_ignored() {
    check("event: ping\ndata: 1\n\ndata: 2\n\n", &["ping|1", "|2"]);
    check("event: nothing\n\ndata: 2\n\n", &["|2"]);
    check("id: 7\nretry: 3000\nid\ndata: x\n\n", &["|x"]);
    check(": keep-alive\n\n:\ndata: x\n\n", &["|x"]);
    check("\n\n\n", &[]);
    check("", &[]);
}

#[test]
fn the_end_cuts_an_event_off() {
    check("data: a\n\ndata: b", &["|a", "~|b"]);
    check("data: b\n", &["~|b"]);
    check("data: b\r", &["~|b"]);
}

#[test]
fn a_byte_order_mark_is_skipped() {
    check("\u{feff}data: a\n\n", &["|a"]);
    check("\u{feff}\u{feff}data: a\n\n", &["stray \u{feff}data: a"]);
    check("data: \u{feff}\n\n", &["|\u{feff}"]);
}

#[test]
fn multibyte_characters_survive_a_cut() {
    check("data: né 漢字 🦀\n\n", &["|né 漢字 🦀"]);
    check_bytes(b"data: a\xFFb\n\n", &["|a\u{fffd}b"]);
}

#[test]
fn bare_json_is_kept_for_the_error() {
    check(
        "data: a\n\n{\n  \"error\": {\n    \"code\": 503\n  }\n}\n",
        &["|a", "stray {\n  \"error\": {\n    \"code\": 503\n  }\n}"],
    );
    check("{\"error\":{}}", &["stray {\"error\":{}}"]);
    check("database: x\n\n", &["stray database: x"]);
}

#[test]
fn an_endless_line_is_an_error() {
    for input in ["data: 0123456789", "0123456789abcde\n", "data: 01\ndata: 23\ndata: 4567890\n"] {
        for size in 1..=input.len() {
            let mut decoder = Decoder::with_event_limit(12);
            let outcome: Result<()> =
                input.as_bytes().chunks(size).try_for_each(|chunk| decoder.feed(chunk, |_| Ok(())));
            let error = outcome.unwrap_err();
            assert_eq!(error.status, Status::Internal);
            assert_eq!(error.code.as_deref(), Some("EVENT_TOO_LARGE"), "{input} by {size}");
        }
    }
}

#[test]
fn stray_lines_are_bounded() {
    let mut decoder = Decoder::default();
    let line = [b'x'; 1000];
    for _ in 0..100 {
        decoder.feed(&line, |_| Ok(())).unwrap();
        decoder.feed(b"\n", |_| Ok(())).unwrap();
    }
    assert!(decoder.stray().len() <= super::STRAY_LIMIT);
}

#[test]
fn the_callers_error_stops_the_decoder() {
    let mut decoder = Decoder::default();
    let error = crate::Error::internal("enough");
    let outcome = decoder.feed(b"data: a\n\ndata: b\n\n", |_| Err(error.clone()));
    assert_eq!(outcome, Err(error));
}

/// The slow twin: parses the whole text at once, following the standard.
fn twin(text: &str) -> Vec<String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let (mut got, mut stray) = (Vec::new(), String::new());
    let (mut data, mut name): (Option<String>, String) = (None, String::new());
    let mut lines: Vec<&str> = text.split('\n').collect();
    let unfinished = lines.pop().unwrap_or_default();
    let lines = lines.into_iter().map(Some).chain([Some(unfinished), None]);
    let total = text.matches('\n').count();
    for (number, line) in lines.enumerate() {
        let line = match line {
            // An empty rest after the last line end isn't a line.
            Some("") if number == total => continue,
            Some(line) => line,
            None => {
                if let Some(data) = data.take() {
                    got.push(format!("~{name}|{data}"));
                }
                continue;
            }
        };
        if line.is_empty() {
            if let Some(data) = data.take() {
                got.push(format!("{name}|{data}"));
            }
            name.clear();
            continue;
        }
        let (key, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match key {
            "" | "id" | "retry" => {}
            "event" => name = value.to_owned(),
            "data" => {
                data = Some(match data {
                    Some(before) => format!("{before}\n{value}"),
                    None => value.to_owned(),
                });
            }
            _ => writeln!(stray, "{line}").unwrap(),
        }
    }
    if !stray.is_empty() {
        got.push(format!("stray {}", stray.trim_end()));
    }
    got
}

fn stream() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "data",
        ":",
        " ",
        "\n",
        "\r",
        "\r\n",
        "\n\n",
        "event",
        "id",
        "retry",
        "x",
        "é🦀",
        "{\"a\":1}",
        "\u{feff}",
        "data: ",
        "\r\n\r\n",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn agrees_with_the_twin(
        text in stream(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let bytes = text.as_bytes();
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        at.extend([0, bytes.len()]);
        at.sort_unstable();
        let chunks = at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
        prop_assert_eq!(decode(chunks), twin(&text));
    }
}
