//! Tests that a request is scanned everywhere, with the same result at every position.

use serde_json::json;

use super::corpus::{Random, plain};
use super::{SensitiveKind, kinds_in, kinds_of};
use crate::Request;

#[test]
fn every_part_of_every_message_is_scanned() {
    let holds = |content: serde_json::Value| {
        let request = Request::from_json(json!({"messages": [
            {"role": "system", "content": [{"text": "be kind"}]},
            {"role": "tool", "content": content},
        ]}))
        .unwrap();
        kinds_in(&request)
    };
    for content in [
        json!([{"text": "ann@example.org"}]),
        json!([{"text": "hello"}, {"reasoning": "ann@example.org"}]),
        json!([{"text": "ann@exam"}, {"text": "ple.org"}]),
        json!([{"data": {"deep": [{"mail": "ann@example.org"}]}}]),
        json!([{"data": {"ann@example.org": 1}}]),
        json!([{"custom": {"mail": "ann@example.org"}}]),
        json!([{"toolRequest": {"name": "send", "input": {"to": "ann@example.org"}}}]),
        json!([{"toolResponse": {"name": "who", "output": "ann@example.org"}}]),
        json!([{"media": {"url": "https://example.org/?user=ann@example.org"}}]),
        json!([{"media": {"url": "data:text/plain,ann%40example.org"}}]),
        json!([{"media": {"url": "data:text/plain;base64,YW5uQGV4YW1wbGUub3Jn"}}]),
        json!([{"media": {"url": " \u{0}data:text/plain;base64,YW5uQGV4YW1wbGUub3Jn"}}]),
        json!([{"media": {"url": "da\nta:text/plain;base64,YW5uQGV4YW1wbGUub3Jn"}}]),
        json!([{"text": "see (DATA:text/plain;base64,YW5uQGV4YW1wbGUub3Jn) and go"}]),
        json!([{"text": "data:,data:text/plain;base64,YW5uQGV4YW1wbGUub3Jn"}]),
        json!([{"toolResponse": {"name": "who", "output": "a data:,ann%40example.org"}}]),
        json!([{"text": "hello"}, {"text": "ann@exam"}, {"text": "ple.org"}, {"text": "@all"}]),
    ] {
        assert_eq!(holds(content.clone()), [SensitiveKind::Email], "{content}");
    }
    let phone = [SensitiveKind::Phone];
    let form = "https://example.org/?phone=%2B49+171+1234567";
    assert_eq!(holds(json!([{"media": {"url": form}}])), phone);
    let parts = json!([{"text": "a"}, {"text": "+49 171"}, {"text": "1234567"}, {"text": "b"}]);
    assert_eq!(holds(parts), phone);
    assert_eq!(
        holds(json!([{"data": {"card": 4_111_111_111_111_111_u64}}])),
        [SensitiveKind::CreditCard]
    );
    assert_eq!(
        holds(json!([{"media": {"url": "data:image/png;base64,YW5uQGV4YW1wbGUub3Jn"}}])),
        []
    );
}

/// Every position of a text in a request that is sent.
fn places(text: &str) -> Vec<(&'static str, serde_json::Value)> {
    let part = |part: serde_json::Value| json!({"messages": [{"role": "user", "content": [part]}]});
    let (begin, end) = text.split_at(text.floor_char_boundary(text.len() / 2));
    let (middle, last) = end.split_at(end.floor_char_boundary(end.len() / 2));
    let base64 = crate::base64::encode(text.as_bytes());
    let percent: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let wide = crate::base64::encode(&wide);
    let media = |url: String| part(json!({"media": {"url": url}}));
    let tool = |tool: serde_json::Value| json!({"messages": [], "tools": [tool]});
    vec![
        ("text", part(json!({"text": text}))),
        ("reasoning", part(json!({"reasoning": text}))),
        ("data", part(json!({"data": text}))),
        ("deep data", part(json!({"data": {"a": [{"b": [1, text]}]}}))),
        ("key", part(json!({"data": {text: 1}}))),
        ("custom", part(json!({"custom": {"a": text}}))),
        ("arguments", part(json!({"toolRequest": {"name": "f", "input": {"a": text}}}))),
        ("call", part(json!({"toolRequest": {"name": "f", "ref": text}}))),
        ("tool's name", part(json!({"toolResponse": {"name": text}}))),
        ("result", part(json!({"toolResponse": {"name": "f", "output": {"a": [text]}}}))),
        ("text result", part(json!({"toolResponse": {"name": "f", "output": text}}))),
        ("part's metadata", part(json!({"text": "", "metadata": {"a": text}}))),
        (
            "metadata",
            json!({"messages": [{"role": "user", "content": [], "metadata": {"a": text}}]}),
        ),
        ("tool", tool(json!({"name": text, "description": ""}))),
        ("description", tool(json!({"name": "f", "description": text}))),
        ("schema", tool(json!({"name": "f", "description": "", "inputSchema": {"enum": [text]}}))),
        (
            "result's schema",
            tool(json!({"name": "f", "description": "", "outputSchema": {"const": text}})),
        ),
        ("output", json!({"output": {"schema": {"description": text}}})),
        ("stop", json!({"config": {"stopSequences": ["x", text]}})),
        ("extra", json!({"config": {"labels": {"a": text}}})),
        ("branch's option", json!({"config": {"branches": {"cloud": {"a": text}}}})),
        ("address", media(format!("https://example.test/?q={percent}"))),
        ("plain media", media(format!("data:text/plain,{percent}"))),
        ("base64", media(format!("DATA:Text/PLAIN;base64,{base64}"))),
        ("yaml", media(format!("data:application/x-yaml;base64,{base64}"))),
        ("svg", media(format!("data:image/svg+xml,{percent}"))),
        ("pdf", media(format!("data:application/pdf;base64,{base64}"))),
        ("wide", media(format!("data:text/plain;charset=utf-16;base64,{wide}"))),
        (
            "typed",
            part(
                json!({"media": {"url": format!("data:application/octet-stream;base64,{base64}"), "contentType": "text/plain"}}),
            ),
        ),
        (
            "parts",
            json!({"messages": [{"role": "user", "content": [
                {"text": begin}, {"text": ""}, {"text": middle}, {"reasoning": ""}, {"text": last},
            ]}]}),
        ),
        (
            "messages",
            json!({"messages": [
                {"role": "user", "content": [{"text": begin}]},
                {"role": "user", "content": [{"text": middle}, {"text": last}]},
            ]}),
        ),
    ]
}

#[test]
fn a_text_has_the_same_findings_at_every_position() {
    // 20,000 on demand.
    let count = option_env!("HYBRIDGE_PRIVACY_TREES").and_then(|it| it.parse().ok());
    let mut random = Random::new(7);
    let count = count.unwrap_or(120);
    let mut missed = 0;
    for at in 0..count {
        let kind = SensitiveKind::ALL[at % SensitiveKind::ALL.len()];
        let text = plain(kind, &mut random);
        let text = format!("{} {text}", random.pick(&["", "see", "a, b:\n", "x\t"]));
        if !kinds_of(&text).contains(&kind) {
            missed += 1;
            continue;
        }
        for (place, request) in places(&text) {
            let request = Request::from_json(request).unwrap();
            assert!(kinds_in(&request).contains(&kind), "{kind:?} as {place}: {text}");
        }
    }
    assert!(missed * 1_000 <= count, "{missed} of {count} texts hold nothing anywhere");
}

#[test]
fn a_key_announces_its_value() {
    for (kind, data) in [
        (SensitiveKind::DateOfBirth, json!({"dateOfBirth": "1985-03-12"})),
        (SensitiveKind::DateOfBirth, json!({"label": "Date of birth", "value": "1985-03-12"})),
        (SensitiveKind::Phone, json!({"phone": 5_551_234})),
        (SensitiveKind::ApiKey, json!({"password": "hunter2"})),
        (SensitiveKind::Ssn, json!({"ssn": 123_456_789})),
    ] {
        let request = json!({"messages": [{"role": "tool", "content": [{"data": data}]}]});
        let request = Request::from_json(request).unwrap();
        assert_eq!(kinds_in(&request), [kind], "{data}");
    }
    let schema = json!({"messages": [], "tools": [{"name": "signUp", "description": "", "inputSchema": {
        "type": "object", "properties": {"password": {"type": "string"}, "phone": {"type": "string"}, "ids": {"enum": [123, 45, 6789]}},
    }}]});
    let request = Request::from_json(schema).unwrap();
    assert_eq!(kinds_in(&request), []);
}
