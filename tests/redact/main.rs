//! Records core's results for requests and answers for `tests/redact/twin.test.mjs`, which compares
//! the TypeScript with them.
//!
//! `HYBRIDGE_BLESS=1 cargo test -p hybridge-tests --test redact` writes `golden.json` again.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::fs;

use hybridge_core::SensitiveKind;
use hybridge_core::redact::{Kind, Redactor, Restorer, Term};
use serde_json::{Value, json};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/redact/golden.json");

/// Small integers in sequence.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % bound as u64).unwrap()
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        let at = self.below(list.len());
        list.get(at).copied().unwrap()
    }
}

const VALUES: [&str; 9] = [
    "ann@example.org",
    "bob.miller@mail.example.com",
    "+49 151 23456789",
    "4111 1111 1111 1111",
    "DE89370400440532013000",
    "123-45-6789",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "Ann Smith",
    "X-99",
];

const FILLERS: [&str; 34] = [
    " ",
    "hello ",
    "Grüße",
    "日本",
    "😀",
    "\n",
    "[",
    "]",
    "\\",
    "**",
    "{",
    "}",
    "<",
    ">",
    "'s",
    "\"",
    "_",
    "-",
    "`",
    "EMAIL",
    "EMAIL_",
    "EMAIL_1",
    "email_1",
    "[EMAIL_1]",
    "[Email 2]",
    "PHONE 1",
    "\\[PERSON\\_1\\]",
    "【SSN_1】",
    "{{IBAN_1}}",
    "[CREDIT CARD 1's]",
    "［ＥＭＡＩＬ＿１］",
    "credit-card_1",
    "[EMAIL_3",
    "Ann",
];

fn kinds() -> Vec<Kind> {
    let detectors = SensitiveKind::ALL.iter().map(|it| it.word());
    let name = |name: &str| {
        let label = name.replace('-', "_").to_ascii_uppercase();
        Kind::new(name, &format!("[{label}_"), "]").unwrap()
    };
    detectors.chain(["person", "code"]).map(name).collect()
}

/// Returns a text of values and of texts that resemble placeholders.
fn text(numbers: &mut Numbers) -> String {
    let mut text = String::new();
    for _ in 0..numbers.below(9) {
        if numbers.below(3) == 0 {
            text.push_str(numbers.pick(&VALUES));
            text.push(' ');
        } else {
            text.push_str(numbers.pick(&FILLERS));
        }
    }
    text
}

fn request(numbers: &mut Numbers) -> Value {
    let part = |numbers: &mut Numbers| match numbers.below(8) {
        0 => json!({ "reasoning": text(numbers) }),
        1 => {
            json!({ "data": { "a": [text(numbers), 7, null], "b": text(numbers), "phone": 491_512_345_678_u64 } })
        }
        2 => json!({ "metadata": { "x": text(numbers) }, "text": text(numbers) }),
        3 => {
            json!({ "toolResponse": { "name": "t", "output": { "Ann Smith": text(numbers) }, "ref": "r" } })
        }
        4 => json!({ "media": { "url": "data:text/plain,Ann%20Smith%20ann@example.org" } }),
        _ => json!({ "text": text(numbers) }),
    };
    let messages: Vec<Value> = (0..=numbers.below(3))
        .map(|_| {
            let content: Vec<Value> = (0..=numbers.below(3)).map(|_| part(numbers)).collect();
            json!({ "content": content, "role": "user" })
        })
        .collect();
    json!({
        "config": { "stopSequences": [text(numbers)], "temperature": 0.5 },
        "messages": messages,
        "output": { "schema": { "enum": [numbers.pick(&VALUES)], "type": "string" } },
        "tools": [{ "description": text(numbers), "inputSchema": { "type": "object" }, "name": "t" }],
    })
}

fn mangled(placeholder: &str, numbers: &mut Numbers) -> String {
    let inner = placeholder.get(1..placeholder.len() - 1).unwrap();
    match numbers.below(11) {
        0 => placeholder.to_lowercase(),
        1 => placeholder.replace('_', " "),
        2 => format!("[ {inner} ]"),
        3 => placeholder.replace('_', "\\_").replace('[', "\\[").replace(']', "\\]"),
        4 => format!("【{inner}】"),
        5 => format!("{{{{{inner}}}}}"),
        6 => inner.to_owned(),
        7 => format!("[{inner}’s]"),
        8 => placeholder.replace('_', ""),
        9 => format!("<{}>", inner.replace('_', "\u{2011}")),
        _ => placeholder.to_owned(),
    }
}

/// Returns a model's requests, and answers to them.
fn case(seed: u64) -> Value {
    let mut numbers = Numbers(seed);
    let mut redactor = Redactor::new(kinds()).unwrap();
    let terms = vec![Term { kind: 9, text: "Ann Smith".to_owned(), is_word: true }];
    let finds = |text: &str| {
        let found = text.contains("X-99").then(|| "X-99".to_owned());
        found.map(|text| Term { kind: 10, text, is_word: false }).into_iter().collect()
    };
    let turns: Vec<Value> = (0..2)
        .map(|_| {
            let request = request(&mut numbers);
            let (sent, hidden) = redactor.redact(request.clone(), terms.clone(), &finds).unwrap();
            assert_eq!(
                without_addresses(&hidden.restore(sent.clone())),
                without_addresses(&request)
            );
            let wire = sent.to_string();
            let mut answer = String::new();
            // Every sent placeholder, mangled, with other text between them.
            for piece in wire.split('[').filter_map(|it| it.split_once(']')) {
                answer.push_str(numbers.pick(&FILLERS));
                answer.push_str(&mangled(&format!("[{}]", piece.0), &mut numbers));
            }
            let pieces: Vec<String> = answer
                .chars()
                .collect::<Vec<_>>()
                .chunks(1 + numbers.below(5))
                .map(|it| it.iter().collect())
                .collect();
            let restored = |is_json| {
                let mut restorer = Restorer::new(std::rc::Rc::clone(&hidden), is_json);
                let mut shown: Vec<String> =
                    pieces.iter().map(|it| restorer.push(it, false)).collect();
                shown.push(restorer.push("", true));
                shown
            };
            let counts: Value = hidden.counts().into_iter().collect();
            json!({
                "request": request, "sent": sent, "counts": counts,
                "pieces": pieces, "shown": restored(false), "json": restored(true),
            })
        })
        .collect();
    json!(turns)
}

/// Removes `data:` addresses, whose form changes when they are sent.
fn without_addresses(value: &Value) -> String {
    let text = value.to_string();
    text.split("\"data:").map(|it| it.split_once('"').map_or(it, |(_, rest)| rest)).collect()
}

#[test]
fn core_agrees_with_the_recorded_results() {
    let names: Vec<Value> =
        kinds().iter().map(|it| json!([it.name, it.prefix(), it.suffix()])).collect();
    let cases: Vec<Value> = (0..48).map(case).collect();
    let text = format!("{}\n", json!({ "cases": cases, "kinds": names }));
    if std::env::var_os("HYBRIDGE_BLESS").is_some() {
        fs::write(GOLDEN, &text).unwrap();
    }
    let recorded = fs::read_to_string(GOLDEN).unwrap();
    assert!(
        recorded == text,
        "core makes something else of them than golden.json; look at why, then write it anew"
    );
}
