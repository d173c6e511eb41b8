//! Both dialects: rendering and parsing.

use std::borrow::Cow;

use hybridge_core::{
    Content, Output, Part, Request, Status, ToolChoice, ToolDefinition, ToolRequest, ToolResponse,
};
use serde_json::{Value, json};

use super::{Dialect, Segment, function_gemma, json_call, wish_of};
use crate::constrain::{Constraint, Pieces, Prose, Vocabulary};

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

/// Parses a text in which control tokens are spelled out into segments.
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
fn a_declaration_equals_the_model_cards() {
    assert_eq!(
        written(&function_gemma::declarations(&[weather()])),
        "You are a model that can do function calling with the following functions<start_function_declaration>declaration:get_current_weather{description:<escape>Gets the current weather in a given location.<escape>,parameters:{properties:{location:{description:<escape>The city and state, e.g. \"San Francisco, CA\" or \"Tokyo, JP\"<escape>,type:<escape>STRING<escape>},unit:{description:<escape>The unit to return the temperature in.<escape>,enum:[<escape>celsius<escape>,<escape>fahrenheit<escape>],type:<escape>STRING<escape>}},required:[<escape>location<escape>],type:<escape>OBJECT<escape>}}<end_function_declaration>"
    );
}

#[test]
fn a_response_equals_the_model_cards() {
    let response = |output| ToolResponse {
        name: "get_current_weather".to_owned(),
        output: Some(output),
        reference: None,
    };
    assert_eq!(
        written(
            &function_gemma::NOTATION
                .response(&response(json!({"temperature": 15, "weather": "sunny"})))
        ),
        "<start_function_response>response:get_current_weather{temperature:15,weather:<escape>sunny<escape>}<end_function_response>"
    );
    assert!(
        written(&function_gemma::NOTATION.response(&response(json!("sunny"))))
            .contains("{value:<escape>sunny<escape>}")
    );
}

#[track_caller]
fn check(answer: &str, expected: &[Part]) {
    assert_eq!(function_gemma::NOTATION.parse(&segments(answer), 0), expected, "{answer}");
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
fn calls_are_parsed() {
    check(
        "<start_function_call>call:get_current_weather{location:<escape>Tokyo, Japan<escape>}<end_function_call><start_function_response>",
        &[request(0, "get_current_weather", json!({"location": "Tokyo, Japan"}))],
    );
    // Everything between two escapes is text.
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
fn text_that_isnt_a_call_is_left_out() {
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
    // Spelled out by a user, it is text.
    assert_eq!(
        function_gemma::NOTATION
            .parse(&[Segment::Text("<start_function_call>call:f{}<end_function_call>".into())], 0),
        [Part::text("<start_function_call>call:f{}<end_function_call>")]
    );
}

#[test]
fn a_rendered_call_is_parsed_again() {
    for input in [
        json!({}),
        json!({"a": "<escape>", "b": [1, {"c": "x,y"}], "d": null}),
        json!({"e": 1e300, "f": -3}),
    ] {
        let part = request(0, "name", input);
        let Content::ToolRequest(call) = &part.content else { unreachable!() };
        assert_eq!(
            function_gemma::NOTATION.parse(&function_gemma::NOTATION.call(call), 0),
            std::slice::from_ref(&part)
        );
    }
}

#[test]
fn a_json_call_has_its_tool_s_parameters() {
    let tree = json!({"type": "object", "properties": {"v": {"type": "integer"}, "next": {"$ref": "#"}, "k": {"$ref": "#/$defs/k"}}, "required": ["v"], "$defs": {"k": {"enum": ["x"]}}});
    let tools = [weather(), tool("tree", "", tree)];
    let writes = |choice, text: &str| writes(&request_of(&tools, choice), Dialect::JsonCall, text);
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
        (ToolChoice::None, "It is sunny.", true),
        (ToolChoice::None, call, false),
        (ToolChoice::None, &format!("[{call}]"), false),
    ] {
        assert_eq!(writes(choice, text), is_written, "{choice:?} {text}");
    }
    let none = request_of(&tools, ToolChoice::None);
    let wish = wish_of(&none, Dialect::JsonCall).unwrap().unwrap();
    assert_eq!(wish.prose, Prose::Only);
    assert_eq!(wish_of(&none, Dialect::FunctionGemma), Ok(None));
    assert_eq!(wish_of(&Request::default(), Dialect::FunctionGemma), Ok(None));
}

#[test]
fn a_call_or_the_requested_output() {
    let output = json!({"type": "object", "properties": {"sky": {"$ref": "#/$defs/sky"}}, "required": ["sky"], "$defs": {"sky": {"enum": ["blue"]}}});
    let asked = |choice| Request {
        output: Some(Output { format: None, schema: Some(output.clone()) }),
        ..request_of(&[weather()], choice)
    };
    let call = r#"{"name":"get_current_weather","parameters":{"location":"Tokyo"}}"#;
    for (choice, text, is_written) in [
        (ToolChoice::Auto, call, true),
        (ToolChoice::Auto, r#"{"sky":"blue"}"#, true),
        (ToolChoice::Auto, r#"{"sky":"red"}"#, false),
        (ToolChoice::Auto, "It is blue.", false),
        (ToolChoice::Required, call, true),
        (ToolChoice::Required, r#"{"sky":"blue"}"#, false),
        (ToolChoice::None, call, false),
        (ToolChoice::None, r#"{"sky":"blue"}"#, true),
    ] {
        assert_eq!(
            writes(&asked(choice), Dialect::JsonCall, text),
            is_written,
            "{choice:?} {text}"
        );
    }
    let error = wish_of(&asked(ToolChoice::Auto), Dialect::FunctionGemma).unwrap_err();
    assert_eq!(error.code.as_deref(), Some("TOOLS_OR_JSON"));
    assert!(writes(&asked(ToolChoice::None), Dialect::FunctionGemma, r#"{"sky":"blue"}"#));
}

#[test]
fn function_gemma_s_calls_have_their_tool_s_parameters() {
    let shape = json!({"type": "object", "properties": {
        "n": {"type": "number", "minimum": 0},
        "list": {"type": "array", "items": {"anyOf": [{"type": "boolean"}, {"type": "string", "maxLength": 3}]}, "maxItems": 2},
        "o": {"type": "object", "properties": {"k": {"enum": ["a\"b", null, [1, {"x": "y"}]]}}},
    }, "required": ["n"]});
    let tools = [weather(), tool("shape", "", shape)];
    let call = "<start_function_call>call:get_current_weather{location:<escape>Tokyo \"{\\n:,<escape>}<end_function_call>";
    let shape = |arguments: &str| {
        format!("<start_function_call>call:shape{{{arguments}}}<end_function_call>")
    };
    for (choice, text, is_written) in [
        (ToolChoice::Required, call, true),
        (ToolChoice::Required, &format!("{call}{call}"), true),
        (ToolChoice::Required, &format!("{call} {call}"), false),
        (
            ToolChoice::Required,
            &shape("list:[true,<escape>abc<escape>],n:0.5,o:{k:<escape>a\"b<escape>}"),
            true,
        ),
        (ToolChoice::Required, &shape("n:1,o:{k:[1,{x:<escape>y<escape>}]}"), true),
        (ToolChoice::Required, &shape("n:1,o:{}"), true),
        (ToolChoice::Required, &shape("n: 1"), false),
        (ToolChoice::Required, &shape("n:-1"), false),
        (ToolChoice::Required, &shape("o:{k:null}"), false),
        (ToolChoice::Required, &shape("list:[<escape>abcd<escape>],n:1"), false),
        (ToolChoice::Required, "<start_function_call>call:other{}<end_function_call>", false),
        (ToolChoice::Required, "It is sunny.", false),
        (ToolChoice::Auto, "It is {sunny}.", true),
        (ToolChoice::Auto, call, true),
        (ToolChoice::Auto, &format!("Let me see.{call}"), true),
        (ToolChoice::Auto, &format!("{call}There."), false),
        (ToolChoice::Auto, "a<escape>b", false),
    ] {
        let request = request_of(&tools, choice);
        assert_eq!(writes(&request, Dialect::FunctionGemma, text), is_written, "{choice:?} {text}");
        // The parser accepts everything that the grammar generates.
        if is_written && text.ends_with("<end_function_call>") {
            let calls = function_gemma::NOTATION.parse(&segments(text), 0);
            assert!(
                matches!(calls.last().map(|it| &it.content), Some(Content::ToolRequest(_))),
                "{text}"
            );
        }
    }
    let names = [tool("a:b", "", json!({}))];
    let pieces = std::sync::Arc::new(Pieces::new(&Bytes));
    let wish = wish_of(&request_of(&names, ToolChoice::Auto), Dialect::FunctionGemma).unwrap();
    assert_eq!(
        Constraint::compile(&wish.unwrap(), &pieces).unwrap_err().status,
        Status::InvalidArgument
    );
}

fn request_of(tools: &[ToolDefinition], choice: ToolChoice) -> Request {
    Request { tools: tools.to_vec(), tool_choice: Some(choice), ..Request::default() }
}

/// The 256 bytes, an end, and a token for each control token.
struct Bytes;

impl Vocabulary for Bytes {
    fn len(&self) -> usize {
        257 + function_gemma::CONTROLS.len()
    }

    fn bytes(&self, id: u32) -> Option<Cow<'_, [u8]>> {
        let Ok(byte) = u8::try_from(id) else {
            let piece = function_gemma::CONTROLS.get((id as usize).checked_sub(257)?)?;
            return crate::constrain::control_byte(piece).map(|byte| vec![byte].into());
        };
        Some(vec![byte].into()).filter(|_| byte < 0xF8)
    }

    fn ends(&self) -> &[u32] {
        &[256]
    }
}

/// Whether an answer may be this text, in which control tokens are spelled out.
fn writes(request: &Request, dialect: Dialect, text: &str) -> bool {
    let pieces = std::sync::Arc::new(Pieces::new(&Bytes));
    let wish = wish_of(request, dialect).unwrap().unwrap();
    let mut state = Constraint::compile(&wish, &pieces).unwrap().start();
    let tokens = segments(text).into_iter().flat_map(|segment| match segment {
        Segment::Text(text) => text.bytes().map(u32::from).collect(),
        Segment::Control(piece) => {
            let at = function_gemma::CONTROLS.iter().position(|it| *it == piece).unwrap();
            vec![257 + u32::try_from(at).unwrap()]
        }
    });
    tokens.into_iter().all(|token| state.accept(token).is_ok()) && state.is_complete()
}

#[test]
fn json_calls_are_parsed() {
    let tools = [weather()];
    let call = r#"{"name":"get_current_weather","parameters":{"location":"Tokyo"}}"#;
    let one = json_call::parse(call, &tools, 0).unwrap();
    assert_eq!(json_call::call_text(&one[0]), call);
    assert_eq!(json_call::parse(&format!("```json\n{call}\n```"), &tools, 0), Some(one));
    let two = json_call::parse(&format!("[{call},{call}]"), &tools, 7).unwrap();
    assert_eq!(
        two.iter().filter_map(|call| call.reference.as_deref()).collect::<Vec<_>>(),
        ["call_7", "call_8"]
    );
    for other in [
        "It is sunny.",
        "[]",
        "{}",
        r#"{"name":"other","parameters":{}}"#,
        "1",
        call.strip_suffix('}').unwrap(),
    ] {
        assert_eq!(json_call::parse(other, &tools, 0), None, "{other}");
    }
    let said = json_call::instructions(&tools).unwrap();
    assert!(said.contains("get_current_weather") && said.contains("only if it helps"));
    assert_eq!(json_call::instructions(&[]), None);
}
