//! Both dialects: what is written, and what is read back.

use hybridge_core::{Content, Part, ToolChoice, ToolDefinition, ToolRequest, ToolResponse};
use serde_json::{Value, json};

use super::{Segment, function_gemma, json_call};

fn tool(name: &str, description: &str, input: Value) -> ToolDefinition {
    ToolDefinition {
        name: name.to_owned(),
        description: description.to_owned(),
        input_schema: Some(input),
        output_schema: None,
    }
}

fn weather() -> ToolDefinition {
    tool(
        "get_current_weather",
        "Gets the current weather in a given location.",
        json!({
            "type": "object",
            "properties": {
                "location": {"type": "string", "description": "The city and state, e.g. \"San Francisco, CA\" or \"Tokyo, JP\""},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "description": "The unit to return the temperature in."},
            },
            "required": ["location"],
        }),
    )
}

fn written(segments: &[Segment]) -> String {
    segments
        .iter()
        .map(|segment| match segment {
            Segment::Control(piece) => *piece,
            Segment::Text(text) => text.as_ref(),
        })
        .collect()
}

/// The segments of a text in which control pieces are spelled out.
fn segments(mut text: &str) -> Vec<Segment> {
    let mut segments = Vec::new();
    while !text.is_empty() {
        let next = function_gemma::CONTROLS
            .iter()
            .filter_map(|piece| text.find(piece).map(|at| (at, *piece)))
            .min();
        let (before, piece) = next.map_or((text, None), |(at, piece)| (&text[..at], Some(piece)));
        if !before.is_empty() {
            segments.push(Segment::Text(before.to_owned().into()));
        }
        segments.extend(piece.map(Segment::Control));
        text = &text[before.len() + piece.map_or(0, str::len)..];
    }
    segments
}

#[test]
fn a_declaration_as_the_model_card_shows_it() {
    assert_eq!(
        written(&function_gemma::declarations(&[weather()])),
        "You are a model that can do function calling with the following functions<start_function_declaration>declaration:get_current_weather{description:<escape>Gets the current weather in a given location.<escape>,parameters:{properties:{location:{description:<escape>The city and state, e.g. \"San Francisco, CA\" or \"Tokyo, JP\"<escape>,type:<escape>STRING<escape>},unit:{description:<escape>The unit to return the temperature in.<escape>,enum:[<escape>celsius<escape>,<escape>fahrenheit<escape>],type:<escape>STRING<escape>}},required:[<escape>location<escape>],type:<escape>OBJECT<escape>}}<end_function_declaration>"
    );
}

#[test]
fn a_response_as_the_model_card_shows_it() {
    let response = |output| ToolResponse {
        name: "get_current_weather".to_owned(),
        output: Some(output),
        reference: None,
    };
    assert_eq!(
        written(&function_gemma::response(&response(
            json!({"temperature": 15, "weather": "sunny"})
        ))),
        "<start_function_response>response:get_current_weather{temperature:15,weather:<escape>sunny<escape>}<end_function_response>"
    );
    assert!(
        written(&function_gemma::response(&response(json!("sunny"))))
            .contains("{value:<escape>sunny<escape>}")
    );
}

#[track_caller]
fn check(answer: &str, expected: &[Part]) {
    assert_eq!(function_gemma::parse(&segments(answer)), expected, "{answer}");
}

fn request(at: u32, name: &str, input: Value) -> Part {
    Content::ToolRequest(ToolRequest {
        name: name.to_owned(),
        input: Some(input),
        reference: Some(format!("call_{at}")),
    })
    .into()
}

#[test]
fn calls_are_read() {
    check(
        "<start_function_call>call:get_current_weather{location:<escape>Tokyo, Japan<escape>}<end_function_call><start_function_response>",
        &[request(0, "get_current_weather", json!({"location": "Tokyo, Japan"}))],
    );
    // Whatever stands between two escapes is text.
    check(
        "<start_function_call>call:f{a:<escape>}{:,call:g[<escape>}<end_function_call>",
        &[request(0, "f", json!({"a": "}{:,call:g["}))],
    );
    check(
        "Let me see.<start_function_call>call:f{n:-1.5, list:[1,true,null,<escape><escape>],o:{k:{}},w:two words}<end_function_call><start_function_call>call:g{}<end_function_call>",
        &[
            Part::text("Let me see."),
            request(
                0,
                "f",
                json!({"n": -1.5, "list": [1, true, null, ""], "o": {"k": {}}, "w": "two words"}),
            ),
            request(1, "g", json!({})),
        ],
    );
}

#[test]
fn what_is_no_call_is_left_out() {
    for broken in [
        "call:f{",
        "call:f{a:1",
        "call:f",
        "f{}",
        "call:{}",
        "call:f{a}",
        "call:f{a:<escape>x}",
        "call:f{}x",
        "call:f[1]",
        "call:f{a:[1,}",
    ] {
        check(&format!("<start_function_call>{broken}<end_function_call>"), &[]);
    }
    // Spelled out by a person, it is text.
    assert_eq!(
        function_gemma::parse(&[Segment::Text(
            "<start_function_call>call:f{}<end_function_call>".into()
        )]),
        [Part::text("<start_function_call>call:f{}<end_function_call>")]
    );
}

#[test]
fn a_call_reads_back() {
    for input in [
        json!({}),
        json!({"a": "<escape>", "b": [1, {"c": "x,y"}], "d": null}),
        json!({"e": 1e300, "f": -3}),
    ] {
        let part = request(0, "name", input);
        let Content::ToolRequest(call) = &part.content else { unreachable!() };
        assert_eq!(function_gemma::parse(&function_gemma::call(call)), std::slice::from_ref(&part));
    }
}

#[test]
fn a_json_call_has_its_tool_s_parameters() {
    use crate::constrain::{Constraint, Pieces, Vocabulary};
    use std::borrow::Cow;

    struct Bytes;
    impl Vocabulary for Bytes {
        fn len(&self) -> usize {
            257
        }
        fn bytes(&self, id: u32) -> Option<Cow<'_, [u8]>> {
            u8::try_from(id).ok().map(|byte| vec![byte].into())
        }
        fn ends(&self) -> &[u32] {
            &[256]
        }
    }

    let tree = json!({"type": "object", "properties": {"v": {"type": "integer"}, "next": {"$ref": "#"}, "k": {"$ref": "#/$defs/k"}}, "required": ["v"], "$defs": {"k": {"enum": ["x"]}}});
    let tools = [weather(), tool("tree", "", tree)];
    let pieces = std::sync::Arc::new(Pieces::new(&Bytes));
    let writes = |choice, text: &str| {
        let form = json_call::call_form(&tools, choice).unwrap();
        let compile =
            if form.may_be_prose { Constraint::compile_or_prose } else { Constraint::compile };
        let mut state = compile(&form.schema, &pieces).unwrap().start();
        text.bytes().all(|byte| state.accept(byte.into()).is_ok()) && state.is_complete()
    };
    let call = r#"{"name":"get_current_weather","parameters":{"location":"Tokyo"}}"#;
    for (choice, text, is_written) in [
        (ToolChoice::Required, call, true),
        (ToolChoice::Required, &format!("[{call},{call}]"), true),
        (ToolChoice::Required, r#"{"name":"tree","parameters":{"v":1}}"#, true),
        (
            ToolChoice::Required,
            r#"{"name":"tree","parameters":{"k":"x","next":{"v":2},"v":1}}"#,
            true,
        ),
        (ToolChoice::Required, r#"{"name":"tree","parameters":{"location":"Tokyo"}}"#, false),
        (ToolChoice::Required, r#"{"name":"other","parameters":{}}"#, false),
        (ToolChoice::Required, "It is sunny.", false),
        (ToolChoice::Auto, "It is sunny.", true),
        (ToolChoice::Auto, call, true),
        (ToolChoice::Auto, r#"{"name":"other""#, false),
    ] {
        assert_eq!(writes(Some(choice), text), is_written, "{choice:?} {text}");
    }
    assert_eq!(json_call::call_form(&tools, Some(ToolChoice::None)), None);
    assert_eq!(json_call::call_form(&[], None), None);
}

#[test]
fn json_calls_are_read() {
    let tools = [weather()];
    let call = r#"{"name":"get_current_weather","parameters":{"location":"Tokyo"}}"#;
    let one = json_call::parse(call, &tools).unwrap();
    assert_eq!(json_call::call_text(&one[0]), call);
    assert_eq!(json_call::parse(&format!("```json\n{call}\n```"), &tools), Some(one));
    let two = json_call::parse(&format!("[{call},{call}]"), &tools).unwrap();
    assert_eq!(
        two.iter().filter_map(|call| call.reference.as_deref()).collect::<Vec<_>>(),
        ["call_0", "call_1"]
    );
    for other in [
        "It is sunny.",
        "[]",
        "{}",
        r#"{"name":"other","parameters":{}}"#,
        "1",
        call.strip_suffix('}').unwrap(),
    ] {
        assert_eq!(json_call::parse(other, &tools), None, "{other}");
    }
    let said = json_call::instructions(&tools, None).unwrap();
    assert!(said.contains("get_current_weather") && said.contains("only if it helps"));
    assert_eq!(json_call::instructions(&tools, Some(ToolChoice::None)), None);
}
