//! Looking takes time in proportion to the text, whatever it holds: texts made of one unit, repeated, for units that detectors
//! stumble over.
//!
//! Bytes that detectors read are counted, which is the same on every machine. In a release build the test prints the slowest
//! units in milliseconds for ten megabytes instead. `HYBRIDGE_CASES` is how many random units are tried.

use super::corpus::Random;
use super::{kinds_of, spans_in};

/// What units are made of: whatever makes a detector look closer.
const PIECES: [&str; 78] = [
    "a",
    "A",
    "k",
    "e",
    "s",
    "0",
    "1",
    "4",
    "9",
    "12",
    "123",
    "1234",
    "555",
    "+",
    "-",
    "--",
    "_",
    ".",
    "..",
    ":",
    "::",
    "/",
    "//",
    "://",
    "@",
    "\\",
    "\\n",
    "\\\\",
    "\\u0041",
    "%",
    "%25",
    "%41",
    "&",
    "&amp;",
    "&#64;",
    ";",
    "#",
    "(",
    ")",
    "[",
    "{",
    "}",
    "=",
    "\"",
    "'",
    "`",
    "|",
    "<",
    ">",
    ",",
    "!",
    " ",
    "  ",
    "\t",
    "\n",
    "\u{a0}",
    "\u{ad}",
    "é",
    "É",
    "密",
    "密码",
    "电",
    "т",
    "тел",
    "𝟒",
    "٤",
    "sk-",
    "eyJ",
    "eyJa",
    "DE",
    "DE8",
    "GB",
    "iban",
    "password",
    "born",
    "tel",
    "AKIA",
    "-----BEGIN ",
];

/// Units that no short random one reaches.
const LONG: [&str; 24] = [
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\n",
    "discord.com/api/webhooks/",
    "hooks.slack.com/services/",
    "sk-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa ",
    "eyJaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaa ",
    "DE89 3704 0044 0532 0130 01 ",
    "GB29NWBK60161331926818 ",
    "4111 1111 1111 1112 ",
    "123 456 78 9012 3 ",
    "12-34/56(78)9.0 ",
    "+49 171 1234567 ",
    "password is my the number ",
    "password: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "authorization basic YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh ",
    "postgres://aaaaaaaaaaaaaaaaaaaaaaaaaaaa:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa ",
    "born on the 12 of a ",
    "1:2:3:4:5:6:7::",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@a.",
    "a@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.a",
    "RSSMRA85T10A562 ",
    "我的手机号码是漢字",
    "&#00000064",
    "\\u{00004",
];

fn repeated(unit: &str, bytes: usize) -> String {
    let mut text = unit.repeat(bytes / unit.len().max(1) + 1);
    text.truncate(text.floor_char_boundary(bytes));
    text
}

fn random_unit(random: &mut Random) -> String {
    (0..1 + random.below(6)).map(|_| PIECES[random.below(PIECES.len())]).collect()
}

fn units() -> Vec<String> {
    let count = std::env::var("HYBRIDGE_CASES").ok().and_then(|it| it.parse().ok()).unwrap_or(400);
    let mut random = Random::new(3);
    let known = LONG.iter().chain(&PIECES).map(|it| (*it).to_owned());
    let pairs = PIECES.iter().flat_map(|one| PIECES.iter().map(move |two| format!("{one}{two}")));
    let random = (0..count).map(|_| random_unit(&mut random));
    known.chain(pairs.step_by(if count > 1_000 { 1 } else { 7 })).chain(random).collect()
}

#[cfg(debug_assertions)]
#[test]
fn no_unit_is_read_often() {
    use super::text::reads::take;

    // Both readings of a text with escapes, and spans as well as kinds.
    const MOST: usize = 60;
    for unit in units() {
        let text = repeated(&unit, 3_000);
        take();
        let _ = kinds_of(&text);
        let reads = take();
        assert!(reads < MOST * text.len(), "{unit:?}: {} reads a byte", reads / text.len());
        let _ = spans_in(&text);
        let reads = take();
        assert!(
            reads < MOST * text.len(),
            "{unit:?}: {} reads a byte for spans",
            reads / text.len()
        );
    }
}

#[cfg(not(debug_assertions))]
#[test]
fn no_unit_is_slow() {
    let pace = |unit: &String| {
        let text = repeated(unit, 40_000);
        let tries = (0..3).map(|_| {
            let start = std::time::Instant::now();
            std::hint::black_box((kinds_of(&text), spans_in(&text)));
            start.elapsed().as_secs_f64() / 2.0 / text.len() as f64
        });
        tries.fold(f64::MAX, f64::min) * 1e10
    };
    let mut paces: Vec<_> = units().into_iter().map(|it| (pace(&it), it)).collect();
    paces.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (pace, unit) in paces.iter().take(60) {
        println!("{pace:8.0} ms  {unit:?}");
    }
}
