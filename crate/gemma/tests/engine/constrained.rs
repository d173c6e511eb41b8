//! A random network with constraints, end to end from a request to an answer.

use std::rc::Rc;

use hybridge_core::schema::validate;
use hybridge_core::{Content, FinishReason, Part, Request};
use hybridge_gemma::cpu::{Cpu, Precision};
use hybridge_gemma::generate::{Generation, Session};
use hybridge_gemma::scalar::Scalar;
use hybridge_gemma::source::Memory;
use hybridge_gemma::testing::{CHAT_GEMMA_4, FUNCTION_GEMMA, Tiny, find};
use hybridge_gemma::{Model, Pass, Tokenizer};
use pollster::block_on;
use serde_json::{Value, json};

fn session(tiny: &Tiny, is_packed: bool) -> Session {
    let model = block_on(Model::open(vec![Rc::new(Memory(tiny.bytes()))])).unwrap();
    let tokenizer = Rc::new(Tokenizer::read(model.gguf()).unwrap());
    let pass: Box<dyn Pass> = if is_packed {
        Box::new(block_on(Cpu::load(&model, 2048, Precision::Exact)).unwrap())
    } else {
        Box::new(block_on(Scalar::load(&model, 2048)).unwrap())
    };
    Session::new(pass, Some(tokenizer))
}

fn request(more: Value) -> Request {
    let mut request =
        json!({"messages": [{"role": "user", "content": [{"text": "What is the weather?"}]}]});
    if let (Value::Object(request), Value::Object(more)) = (&mut request, more) {
        request.extend(more);
    }
    Request::from_json(request).unwrap()
}

fn answer(session: &mut Session, request: &Request, seed: u64) -> Generation {
    let prompt = session.prompt(request).unwrap();
    let options = session.options(request, seed).unwrap();
    let mut generation = block_on(session.start(&prompt, options)).unwrap();
    let mut content: Vec<Part> = Vec::new();
    while let Some(piece) = block_on(session.next(&mut generation)).unwrap() {
        content.extend((!piece.text.is_empty()).then(|| Part::text(piece.text)));
        content.extend(piece.calls.into_iter().map(|call| Content::ToolRequest(call).into()));
    }
    // The streamed text equals the final text.
    let text = |content: &[Part]| content.iter().filter_map(Part::as_text).collect::<String>();
    let calls = |content: &[Part]| content.iter().filter(|it| it.as_text().is_none()).count();
    assert_eq!(text(&content), text(generation.content()));
    assert_eq!(calls(&content), calls(generation.content()));
    generation
}

fn schema() -> Value {
    json!({"type": "object", "properties": {
        "sky": {"enum": ["blue", "grey"]},
        "degrees": {"type": "integer", "minimum": -40, "maximum": 50},
        "words": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]{1,5}$"}, "minItems": 1, "maxItems": 3},
    }, "required": ["words", "sky", "degrees"], "propertyOrdering": ["words", "sky", "degrees"]})
}

#[test]
fn json_from_a_random_network_satisfies_its_schema() {
    let request = request(
        json!({"output": {"schema": schema()}, "config": {"temperature": 1.5, "topK": 0, "topP": 1}}),
    );
    let mut orders = Vec::new();
    for is_packed in [false, true] {
        let mut session = session(&find("no_window").unwrap(), is_packed);
        for seed in 0..8 {
            let generation = answer(&mut session, &request, seed);
            let text = generation.text();
            assert_eq!(generation.finish_reason(), Some(FinishReason::Stop), "{text}");
            let value: Value = serde_json::from_str(text).unwrap();
            validate(&schema(), &value, &|_, _| None).unwrap();
            orders.push(text.find("words") < text.find("sky"));
            // The confidence is that of the unconstrained model, which did not intend to write
            // JSON.
            assert!(generation.confidence().unwrap().mean_logprob < -1.0);
        }
    }
    assert!(orders.iter().all(|in_order| *in_order), "members stand in the declared order");
}

#[test]
fn an_answer_that_exceeds_the_limit_ends_with_length() {
    let mut session = session(&find("no_window").unwrap(), true);
    let of = |most: u32| {
        request(
            json!({"output": {"schema": schema()}, "config": {"temperature": 0, "maxOutputTokens": most}}),
        )
    };
    let whole = answer(&mut session, &of(400), 0);
    let needed = u32::try_from(whole.ids().len()).unwrap();
    for (most, expected) in [
        (needed, FinishReason::Stop),
        (needed - 1, FinishReason::Length),
        (3, FinishReason::Length),
    ] {
        let generation = answer(&mut session, &of(most), 0);
        assert_eq!(generation.finish_reason(), Some(expected), "{most} of {needed}");
        assert!(whole.text().starts_with(generation.text()));
    }
}

/// A stop sequence inside JSON does not cut it, but cuts plain text.
#[test]
fn stop_sequences_cut_text_but_not_json() {
    let mut session = session(&find("no_window").unwrap(), true);
    let stops = json!({"temperature": 0, "stopSequences": ["}", "\"", ":"]});
    let generation =
        answer(&mut session, &request(json!({"output": {"schema": schema()}, "config": stops})), 0);
    assert_eq!(generation.finish_reason(), Some(FinishReason::Stop));
    let value: Value = serde_json::from_str(generation.text()).unwrap();
    validate(&schema(), &value, &|_, _| None).unwrap();
    let config = |stops: &[&str]| json!({"config": {"temperature": 0, "maxOutputTokens": 30, "stopSequences": stops}});
    let whole = answer(&mut session, &request(config(&[])), 0).text().to_owned();
    let stop: String = whole.chars().skip(2).take(2).collect();
    let cut = answer(&mut session, &request(config(&[&stop])), 0);
    assert_eq!(cut.text(), whole.split(&stop).next().unwrap());
}

#[test]
fn an_unsupported_schema_is_refused_by_name() {
    let mut session = session(&find("no_window").unwrap(), true);
    for more in [
        json!({"output": {"schema": {"not": {"type": "string"}}}}),
        json!({"tools": [{"name": "f", "inputSchema": {"type": "object", "properties": {"a": {"not": {}}}}}]}),
    ] {
        let error = session.options(&request(more), 0).unwrap_err();
        assert!(error.message.contains("\"not\""), "{error}");
    }
}

fn tools(choice: &str) -> Value {
    json!({
        "tools": [
            {"name": "weather", "description": "", "inputSchema": {"type": "object", "properties": {"city": {"enum": ["Bonn", "Rome"]}, "days": {"type": "integer", "minimum": 1, "maximum": 9}}, "required": ["city"]}},
            {"name": "stop", "description": "", "inputSchema": {"type": "object", "properties": {"why": {"type": "string", "maxLength": 6}}, "required": ["why"]}},
        ],
        "toolChoice": choice,
        "config": {"temperature": 1, "topK": 0, "topP": 1, "maxOutputTokens": 300},
    })
}

/// In every dialect, a random network that must call a tool does so, with arguments that match the
/// tool's schema.
#[test]
fn a_random_network_that_must_call_does() {
    for tiny in [find("no_window").unwrap(), FUNCTION_GEMMA, CHAT_GEMMA_4] {
        let mut session = session(&tiny, true);
        let asked = request(tools("required"));
        let mut called = 0;
        for seed in 0..12 {
            let generation = answer(&mut session, &asked, seed);
            if generation.finish_reason() == Some(FinishReason::Length) {
                continue;
            }
            assert!(!generation.content().is_empty(), "{}", tiny.name);
            for (at, part) in generation.content().iter().enumerate() {
                let Content::ToolRequest(call) = &part.content else {
                    panic!("{}: words where a call must be: {part:?}", tiny.name)
                };
                called += 1;
                assert_eq!(call.reference.as_deref(), Some(format!("call_{at}").as_str()));
                let tool = asked.tools.iter().find(|tool| tool.name == call.name).unwrap();
                let (schema, input) =
                    (tool.input_schema.as_ref().unwrap(), call.input.as_ref().unwrap());
                validate(schema, input, &|_, _| None).unwrap();
            }
        }
        assert!(called > 3, "{}: {called} calls", tiny.name);
    }
}

/// A random network that may call a tool writes text or valid calls.
#[test]
fn a_random_network_that_may_call_writes_text_or_calls() {
    for tiny in [find("no_window").unwrap(), FUNCTION_GEMMA, CHAT_GEMMA_4] {
        let mut session = session(&tiny, true);
        for (choice, seed) in [("auto", 1), ("auto", 2), ("auto", 3), ("none", 4)] {
            let mut more = tools(choice);
            more["config"]["maxOutputTokens"] = 40.into();
            let generation = answer(&mut session, &request(more), seed);
            for part in generation.content() {
                match &part.content {
                    Content::Text(text) => assert!(!text.contains("_call>")),
                    Content::ToolRequest(call) => {
                        assert!(
                            choice == "auto" && ["weather", "stop"].contains(&call.name.as_str())
                        );
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}

/// After a call and its result, the cache continues where the call ended.
#[test]
fn a_result_continues_where_its_call_ended() {
    for tiny in [find("no_window").unwrap(), FUNCTION_GEMMA, CHAT_GEMMA_4] {
        let mut session = session(&tiny, true);
        let first = request(tools("required"));
        let generation = (0..20)
            .map(|seed| answer(&mut session, &first, seed))
            .find(|it| it.finish_reason() == Some(FinishReason::Stop))
            .unwrap();
        let mut second = first.clone();
        second.tool_choice = None;
        let content = generation.content().to_vec();
        let results = content.iter().map(|part| match &part.content {
            Content::ToolRequest(call) => json!({"toolResponse": {"name": call.name, "output": {"ok": true}, "ref": call.reference}}),
            other => panic!("{other:?}"),
        });
        let results_given =
            json!({"messages": [{"role": "tool", "content": results.collect::<Vec<_>>()}]});
        let results_given = Request::from_json(results_given).unwrap().messages;
        second.messages.push(hybridge_core::Message {
            role: hybridge_core::Role::Model,
            content,
            metadata: None,
        });
        second.messages.extend(results_given);
        let prompt = session.prompt(&second).unwrap();
        assert!(
            prompt.windows(generation.ids().len()).any(|ids| ids == generation.ids()),
            "{}",
            tiny.name
        );
        // Later calls continue the numbering.
        let next = answer(&mut session, &Request { tool_choice: first.tool_choice, ..second }, 5);
        let calls = generation.content().len();
        for (at, part) in next.content().iter().enumerate() {
            if let Content::ToolRequest(call) = &part.content {
                assert_eq!(
                    call.reference.as_deref(),
                    Some(format!("call_{}", calls + at).as_str())
                );
            }
        }
    }
}
