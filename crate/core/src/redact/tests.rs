//! Compares redaction with a slow twin, on random texts, cuts and variants.

use std::rc::Rc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::slow::slow;
use super::{Hidden, Kind, Redactor, Restorer, Term};
use crate::privacy::{self, SensitiveKind};

/// All detectors with the default placeholders, and two kinds of the caller.
fn kinds() -> Vec<Kind> {
    let detectors = SensitiveKind::ALL.iter().map(|it| it.word());
    detectors
        .chain(["person", "employee"])
        .map(|name| {
            let label = name.replace('-', "_").to_ascii_uppercase();
            Kind::new(name, &format!("[{label}_"), "]").unwrap()
        })
        .collect()
}

const PERSON: usize = 9;
const EMPLOYEE: usize = 10;

fn redactor() -> Redactor {
    Redactor::new(kinds()).unwrap()
}

fn saying(texts: &[&str]) -> Value {
    let messages = texts.iter().map(|text| json!({"role": "user", "content": [{"text": text}]}));
    json!({"messages": messages.collect::<Vec<_>>()})
}

fn redact(redactor: &mut Redactor, request: Value) -> (Value, Rc<Hidden>) {
    redactor.redact(request, Vec::new(), &|_| Vec::new()).unwrap()
}

/// Returns the messages as sent, and the replaced values.
fn sent(redactor: &mut Redactor, texts: &[&str]) -> (Vec<String>, Rc<Hidden>) {
    let (request, hidden) = redact(redactor, saying(texts));
    let text = |it: &Value| it["content"][0]["text"].as_str().unwrap().to_owned();
    (request["messages"].as_array().unwrap().iter().map(text).collect(), hidden)
}

fn restored(hidden: &Rc<Hidden>, pieces: &[&str], is_json: bool) -> String {
    let mut restorer = Restorer::new(Rc::clone(hidden), is_json);
    let mut text: String = pieces.iter().map(|it| restorer.push(it, false)).collect();
    text.push_str(&restorer.push("", true));
    text
}

/// One e-mail address and one card, as `[EMAIL_1]` and `[CREDIT_CARD_1]`.
fn usual() -> Rc<Hidden> {
    let (texts, hidden) =
        sent(&mut redactor(), &["mail ann@example.org, pay with 4111 1111 1111 1111"]);
    assert_eq!(texts, ["mail [EMAIL_1], pay with [CREDIT_CARD_1]"]);
    hidden
}

#[track_caller]
fn check(answer: &str, expected: &str) {
    let hidden = usual();
    for cut in (0..=answer.len()).filter(|it| answer.is_char_boundary(*it)) {
        let (head, tail) = answer.split_at(cut);
        assert_eq!(restored(&hidden, &[head, tail], false), expected, "cut at byte {cut}");
    }
    let pieces: Vec<String> = answer.chars().map(String::from).collect();
    let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
    assert_eq!(restored(&hidden, &pieces, false), expected);
    assert_eq!(slow(&hidden, answer), expected, "the slow twin");
}

#[test]
fn variants_of_placeholders_are_restored() {
    for spelt in [
        "[EMAIL_1]",
        "[email_1]",
        "[Email_1]",
        "[ EMAIL_1 ]",
        "[EMAIL 1]",
        "[Email-1]",
        "[EMAIL1]",
        "[EMAIL-1]",
        r"\[EMAIL\_1\]",
        r"[EMAIL\_1]",
        r"\[EMAIL_1\]",
        "EMAIL_1",
        "email_1",
        r"EMAIL\_1",
        "EMAIL 1",
        "EMAIL-1",
        "【EMAIL_1】",
        "［EMAIL_1］",
        "［ＥＭＡＩＬ＿１］",
        "<EMAIL_1>",
        "{EMAIL_1}",
        "{{EMAIL_1}}",
        "<<EMAIL_1>>",
        "[EMAIL\n1]",
        "[\tEMAIL_1\n]",
        "[EMAIL\u{a0}1]",
        "[EMAIL\u{2011}1]",
        "[\u{200b}EMAIL_1]",
        "[EMAIL: 1]",
        "[EMAIL#1]",
        "[EMAIL_01]",
        "[`EMAIL_1`]",
        "[**EMAIL_1**]",
        r"\\[EMAIL\\_1\\]",
        "⟦EMAIL_1⟧",
        "[EMAIL_1\\]",
    ] {
        check(spelt, "ann@example.org");
        check(&format!("to **{spelt}**, now"), "to **ann@example.org**, now");
        check(&format!("請聯絡{spelt}。"), "請聯絡ann@example.org。");
        check(&format!("({spelt})"), "(ann@example.org)");
    }
    check(
        "[EMAIL_1's] and [EMAIL_1’s] and EMAIL_1's",
        "ann@example.org's and ann@example.org’s and ann@example.org's",
    );
    check(
        "[credit card 1] [CreditCard-1] CREDIT_CARD_1",
        "4111 1111 1111 1111 4111 1111 1111 1111 4111 1111 1111 1111",
    );
    check("[EMAIL_1, CREDIT_CARD_1]", "[ann@example.org, 4111 1111 1111 1111]");
    check("[[EMAIL_1]](mailto:[EMAIL_1])", "[ann@example.org](mailto:ann@example.org)");
    check("[EMAIL_1][EMAIL_1]", "ann@example.organn@example.org");
    check("[EMAIL_1] [EMAIL_1", "ann@example.org [ann@example.org");
}

#[test]
fn unknown_placeholders_are_kept() {
    for text in [
        "[EMAIL_2]",
        "[EMAIL_12]",
        "[PHONE_1]",
        "EMAIL_2",
        "MY_EMAIL_1",
        "email 1",
        "Email-1",
        "email1",
        "EMAIL_1_OLD",
        "REMAIL_1",
        "[EMAIL]",
        "[EMAIL_]",
        "[1]",
        "[",
        "\\",
        "[EMA",
        "EMAIL",
        "EMAIL_",
        "[E MAIL_1]",
        "EMAIL_1a",
        "EMAIL\n1",
        "[EMAIL_123456789]",
        "[EMAIL____1]",
        "é[",
        "[😀]",
    ] {
        check(text, text);
    }
}

#[test]
fn chunks_are_shown_at_once_unless_they_could_be_a_placeholder() {
    let hidden = usual();
    let mut restorer = Restorer::new(hidden, false);
    for (piece, shown) in [
        ("Dear A", "Dear A"),
        ("nn, ", "nn, "),
        ("[see", "[see"),
        ("] [EM", "] "),
        ("AIL", ""),
        ("_1", ""),
        ("] x", "ann@example.org x"),
        (" [EMA", " "),
        ("ZE]", "[EMAZE]"),
        (" e", " "),
        ("cho", "echo"),
    ] {
        assert_eq!(restorer.push(piece, false), shown, "{piece}");
    }
    assert_eq!(restorer.push("", true), "");
}

#[test]
fn values_in_json_are_escaped_for_their_position() {
    let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n-----END PRIVATE KEY-----";
    let (texts, hidden) = sent(&mut redactor(), &[key, "ann@example.org"]);
    assert_eq!(texts, ["[API_KEY_1]", "[EMAIL_1]"]);
    for (answer, expected) in [
        (
            r#"{"key":"[API_KEY_1]","to":"x [email 1]"}"#,
            json!({"key": key, "to": "x ann@example.org"}),
        ),
        (r#"{"key": [API_KEY_1], "to": [EMAIL_1]}"#, json!({"key": key, "to": "ann@example.org"})),
        (r#"["\"[API\\_KEY\\_1]\"", API_KEY_1]"#, json!([format!("\"{key}\""), key])),
        (r#"{"[EMAIL_1]": "\\[EMAIL\\_1\\]"}"#, json!({"ann@example.org": "ann@example.org"})),
    ] {
        for cut in 0..=answer.len() {
            let (head, tail) = answer.split_at(cut);
            let text = restored(&hidden, &[head, tail], true);
            let found: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
            assert_eq!(found, expected, "cut at byte {cut}");
        }
    }
}

#[test]
fn values_keep_their_numbers_during_a_conversation() {
    let mut redactor = redactor();
    let (first, _) = sent(&mut redactor, &["ann@example.org and bob@example.org"]);
    let (second, _) =
        sent(&mut redactor, &["bob@example.org, carl@example.org", "ann@example.org"]);
    assert_eq!(first, ["[EMAIL_1] and [EMAIL_2]"]);
    assert_eq!(second, ["[EMAIL_2], [EMAIL_3]", "[EMAIL_1]"]);
}

#[test]
fn an_answer_gets_only_values_of_its_own_request() {
    let mut redactor = redactor();
    drop(sent(&mut redactor, &["ann@example.org"]));
    let (_, hidden) = sent(&mut redactor, &["bob@example.org"]);
    assert_eq!(restored(&hidden, &["[EMAIL_1] [EMAIL_2]"], false), "[EMAIL_1] bob@example.org");
}

#[test]
fn placeholder_like_text_of_a_request_is_restored_unchanged() {
    let mut redactor = redactor();
    drop(sent(&mut redactor, &["ann@example.org"]));
    let texts =
        ["[EMAIL_1] [email 1] EMAIL_1 x_EMAIL_1 email_2", "ann@example.org bob@example.org"];
    let (sent, hidden) = sent(&mut redactor, &texts);
    for (sent, text) in sent.iter().zip(texts) {
        assert_eq!(restored(&hidden, &[sent], false), text, "{sent}");
    }
    assert_eq!(hidden.counts(), [("email", 2)]);
}

#[test]
fn every_part_of_a_request_is_scanned() {
    let mail = "ann@example.org";
    let url = "data:text/plain;base64,YW5uQGV4YW1wbGUub3Jn"; // ann@example.org
    let request = json!({
        "messages": [
            {"role": "system", "content": [{"text": mail}], "metadata": {"from": mail}},
            {"role": "user", "content": [{"text": "ann@exam"}, {"text": "ple.org"}, {"data": {"to": [mail], mail: 1}}]},
            {"role": "user", "content": [{"media": {"url": url}}, {"media": {"url": "data:image/png;base64,AAAA"}}]},
            {"role": "model", "content": [
                {"reasoning": mail, "metadata": {"thoughtSignature": "YW5uQGV4YW1wbGUub3Jn", "by": mail}},
                {"toolRequest": {"name": "send", "ref": "r1", "input": {"to": mail, "phone": 491_511_234_567_u64}}},
            ]},
            {"role": "tool", "content": [{"toolResponse": {"name": "send", "ref": "r1", "output": [mail]}}, {"custom": {"x": mail}}]},
        ],
        "tools": [{"name": "send", "description": mail, "inputSchema": {"type": "object", "properties": {"to": {"type": "string", "default": mail}}}}],
        "output": {"format": "json", "schema": {"enum": [mail]}},
        "config": {"stopSequences": [mail], "seed": 1, "temperature": 0.5, "user": mail},
    });
    let mut redactor = redactor();
    let (sent, hidden) = redact(&mut redactor, request.clone());
    let wire = sent.to_string();
    for part in ["ann@", "example.org", "491511234567", "YW5uQGV4YW1wbGUub3Jn\"}}"] {
        assert!(!wire.contains(part), "{part}: {wire}");
    }
    assert!(wire.contains(r#""thoughtSignature":"YW5uQGV4YW1wbGUub3Jn""#), "{wire}");
    assert!(wire.contains("data:image/png;base64,AAAA"), "{wire}");
    assert_eq!(sent["config"]["seed"], 1);
    assert_eq!(sent["tools"][0]["inputSchema"]["type"], "object");
    assert_eq!(hidden.counts(), [("email", 3), ("phone", 1)]);
    let mut back = hidden.restore(sent);
    assert_eq!(
        back["messages"][2]["content"][0]["media"]["url"].as_str().unwrap().len(),
        "data:text/plain;base64,W0VNQUlMXzFd".len()
    );
    back["messages"][2] = request["messages"][2].clone();
    assert_eq!(back, request);
}

#[test]
fn data_that_cannot_be_changed_is_not_sent() {
    let pdf = format!(
        "data:application/pdf;base64,{}",
        crate::base64::encode(b"%PDF \xff ann@example.org")
    );
    let request = json!({"messages": [{"role": "user", "content": [{"media": {"url": pdf}}]}]});
    let error = redactor().redact(request, Vec::new(), &|_| Vec::new()).unwrap_err();
    assert_eq!(error.code.as_deref(), Some("REDACTION_FAILED"));
}

#[test]
fn a_value_is_replaced_everywhere() {
    let texts = ["my password: hunter2hunter2", "is xhunter2hunter2x good?"];
    let (sent, hidden) = sent(&mut redactor(), &texts);
    assert_eq!(sent, ["my password: [API_KEY_1]", "is x[API_KEY_1]x good?"]);
    assert_eq!(hidden.counts(), [("api-key", 1)]);
}

#[test]
fn terms_match_whole_words() {
    let term = |kind, text: &str| Term { kind, text: text.to_owned(), is_word: true };
    let terms = vec![term(PERSON, "Ann"), term(PERSON, "Ann Smith"), term(PERSON, "Li")];
    let finds = |text: &str| {
        let at = text.find("E-").map(|at| text[at..at + 5].to_owned());
        at.map(|text| Term { kind: EMPLOYEE, text, is_word: false }).into_iter().collect()
    };
    let request = saying(&["Ann's Annual: Ann Smith, Li, Lisa. E-123", "E-123 李Ann"]);
    let (sent, hidden) = redactor().redact(request.clone(), terms, &finds).unwrap();
    assert_eq!(
        sent,
        saying(&[
            "[PERSON_1]'s Annual: [PERSON_2], [PERSON_3], Lisa. [EMPLOYEE_1]",
            "[EMPLOYEE_1] 李[PERSON_1]"
        ])
    );
    assert_eq!(hidden.restore(sent), request);
}

#[test]
fn placeholders_that_could_not_be_found_again_are_rejected() {
    for (prefix, suffix, holds) in [
        ("[EMAIL_", "]", true),
        ("<<mail:", ">>", true),
        ("(E", ")", true),
        ("§mail ", "§", true),
        ("[E1_", "]", false),
        ("EMAIL_", "", false),
        ("[", "]", false),
        ("_EMAIL_", "_", false),
        ("[EMAIL_", "x]", false),
        ("[É_", "]", false),
    ] {
        assert_eq!(Kind::new("email", prefix, suffix).is_ok(), holds, "{prefix} {suffix}");
    }
    let alike = ["[A_B_", "[AB"].map(|it| Kind::new("x", it, "]").unwrap());
    assert!(Redactor::new(alike.to_vec()).is_err());
}

// ── Random texts, cuts and manglings ─────────────────────────────────────────────────────────────

const VALUES: [&str; 12] = [
    "ann@example.org",
    "bob.miller@mail.example.com",
    "+49 151 23456789",
    "4111 1111 1111 1111",
    "DE89370400440532013000",
    "123-45-6789",
    "203.0.113.77",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "born 12 March 1985",
    "ann%40example.org",
    "password: Tr0ub4dor&3",
    "+1 (212) 555-0123",
];

fn filler() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zäß ,.!?\n]{0,12}",
        "[\\[\\]{}<>()_ \\\\*`'sEMAIL1-2:]{0,10}",
        Just("[EMAIL_1]".to_owned()),
        Just("email_1".to_owned()),
        Just("\\[PHONE\\_1\\]".to_owned()),
        Just("PHONE_2".to_owned()),
        Just("[Credit Card 1]".to_owned()),
        Just("EMAIL_".to_owned()),
        Just("😀".to_owned()),
        Just("日本".to_owned()),
        Just(" ".to_owned()),
        Just("\u{200b}".to_owned()),
    ]
}

fn text() -> impl Strategy<Value = String> {
    let value = proptest::sample::select(&VALUES[..]).prop_map(str::to_owned);
    let piece = prop_oneof![2 => filler(), 1 => value];
    proptest::collection::vec(piece, 0..8).prop_map(|it| it.concat())
}

fn mangled(placeholder: &str, how: usize) -> String {
    let inner = &placeholder[1..placeholder.len() - 1];
    match how % 14 {
        0 => placeholder.to_owned(),
        1 => placeholder.to_lowercase(),
        2 => format!("[ {inner} ]"),
        3 => placeholder.replace('_', " "),
        4 => placeholder.replace('_', "-"),
        5 => placeholder.replace('_', "\\_").replace('[', "\\[").replace(']', "\\]"),
        6 => placeholder.replace('_', "\\_"),
        7 => format!("【{inner}】"),
        8 => format!("［{inner}］"),
        9 => format!("{{{inner}}}"),
        10 => placeholder.replace('_', ""),
        11 => format!("<{inner}>"),
        12 => format!("[{}]", inner.replace('_', "\u{a0}")),
        _ => inner
            .split('_')
            .map(|it| it[..1].to_owned() + &it[1..].to_lowercase())
            .collect::<Vec<_>>()
            .join("_"),
    }
}

/// Splits a text into chunks of these sizes.
fn pieces<'a>(text: &'a str, sizes: &[usize]) -> Vec<&'a str> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    for size in sizes.iter().cycle().take(text.len() + 1) {
        let (head, tail) = rest.split_at(rest.ceil_char_boundary((*size).min(rest.len())));
        pieces.push(head);
        rest = tail;
    }
    pieces.push(rest);
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn no_finding_is_sent_and_everything_is_restored(
        turns in proptest::collection::vec(proptest::collection::vec(text(), 1..4), 1..3),
        sizes in proptest::collection::vec(1_usize..9, 1..5),
    ) {
        let mut redactor = redactor();
        let mut history: Vec<String> = Vec::new();
        for turn in turns {
            history.extend(turn);
            let texts: Vec<&str> = history.iter().map(String::as_str).collect();
            let (wire, hidden) = sent(&mut redactor, &texts);
            for (wire, text) in wire.iter().zip(&texts) {
                prop_assert_eq!(&restored(&hidden, &[wire], false), text, "sent {}", wire);
                prop_assert_eq!(&restored(&hidden, &pieces(wire, &sizes), false), text);
                prop_assert_eq!(&slow(&hidden, wire), text, "the slow twin of {}", wire);
            }
            let found = |text: &&str| {
                let spans = privacy::spans_in(text).into_iter();
                spans.map(|it| text[it.from..it.to].to_owned()).collect::<Vec<_>>()
            };
            for span in texts.iter().flat_map(found) {
                let is_long = span.chars().count() >= super::LONG;
                prop_assert!(!is_long || wire.iter().all(|it| !it.contains(&span)), "{} in {:?}", span, wire);
            }
            // Anything still found is a placeholder with its surroundings.
            for text in &wire {
                let mut neutral = text.clone();
                for entry in &hidden.entries {
                    neutral = neutral.replace(&hidden.placeholder(entry), "[*]");
                }
                for span in privacy::spans_in(&neutral) {
                    let around = span.from.saturating_sub(2)..(span.to + 2).min(neutral.len());
                    let found = String::from_utf8_lossy(&neutral.as_bytes()[around]).into_owned();
                    prop_assert!(found.contains("[*]"), "{} in {}", found, neutral);
                }
            }
        }
    }

    #[test]
    fn random_variants_of_placeholders_are_restored(
        plain in proptest::collection::vec("[a-z äß,.\n]{1,10} ", 1..6),
        hows in proptest::collection::vec(0_usize..14, 12),
        sizes in proptest::collection::vec(1_usize..9, 1..5),
    ) {
        let (wire, hidden) = sent(&mut redactor(), &VALUES);
        let mut answer = String::new();
        let mut expected = String::new();
        for (at, entry) in hidden.entries.iter().enumerate() {
            let between = &plain[at % plain.len()];
            answer = answer + between + &mangled(&hidden.placeholder(entry), hows[at % hows.len()]) + " ";
            expected = expected + between + &entry.text() + " ";
        }
        prop_assert!(wire.len() == VALUES.len() && hidden.entries.len() >= 10);
        prop_assert_eq!(&restored(&hidden, &[&answer], false), &expected, "{}", answer);
        prop_assert_eq!(&restored(&hidden, &pieces(&answer, &sizes), false), &expected);
        prop_assert_eq!(&slow(&hidden, &answer), &expected);
    }

    #[test]
    fn chunks_and_the_slow_twin_agree(
        noise in proptest::collection::vec(prop_oneof![filler(), (0_usize..14).prop_map(|it| mangled("[EMAIL_1]", it)), (0_usize..14).prop_map(|it| mangled("[CREDIT_CARD_1]", it))], 0..9),
        sizes in proptest::collection::vec(1_usize..9, 1..5),
    ) {
        let (hidden, text) = (usual(), noise.concat());
        let whole = restored(&hidden, &[&text], false);
        prop_assert_eq!(&restored(&hidden, &pieces(&text, &sizes), false), &whole);
        prop_assert_eq!(&slow(&hidden, &text), &whole, "{}", text);
    }

    #[test]
    fn little_is_held_back(text in text(), sizes in proptest::collection::vec(1_usize..9, 1..5)) {
        let mut restorer = Restorer::new(usual(), false);
        for piece in pieces(&text, &sizes) {
            restorer.push(piece, false);
            prop_assert!(restorer.held.len() <= 96, "{}", restorer.held);
        }
    }
}
