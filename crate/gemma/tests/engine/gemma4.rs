//! Gemma 4's conversations, compared with its own template, and its answers, split into thoughts,
//! calls and text.

use std::rc::Rc;

use hybridge_core::{Content, FinishReason, Part, Request};
use hybridge_gemma::Tokenizer;
use hybridge_gemma::generate::{Generation, Session};
use hybridge_gemma::gguf::Gguf;
use hybridge_gemma::sample::Sampler;
use hybridge_gemma::source::Memory;
use hybridge_gemma::template::render;
use hybridge_gemma::testing::{Entry, Random, Vocabulary, Writer};
use hybridge_gemma::tokenizer::{Control, Detokenizer};
use hybridge_gemma::tools::{Dialect, Listener, wish_of};
use pollster::block_on;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::generate::Scripted;

/// `template` is the file's template; only a few substrings of it matter.
fn tokenizer(template: Option<&str>) -> Rc<Tokenizer> {
    let mut writer = Writer::default();
    Vocabulary::new(1009).of(Dialect::Gemma4).write(&mut writer);
    if let Some(template) = template {
        writer.set("tokenizer.chat_template", Entry::Text(template.to_owned()));
    }
    let gguf = block_on(Gguf::open(vec![Rc::new(Memory(writer.bytes()))])).unwrap();
    Rc::new(Tokenizer::read(&gguf).unwrap())
}

const CLOSES: &str = r"{{- '<|think|>\n' -}}{{- '<|channel>thought\n<channel|>' -}}";
const STAYS_OPEN: &str =
    r"{{- '<|think|>\n' -}}{{- '<|channel>thought\n' + text + '\n<channel|>' -}}";

#[derive(Deserialize)]
struct Chat {
    request: Value,
    text: String,
}

/// Recorded with the template of the 31B file; those of the small files differ only in the empty
/// thought.
#[test]
fn conversations_equal_the_official_templates() {
    let json = include_str!("../../../../tests/oracle/goldens/chats_gemma4.json");
    let chats: Vec<Chat> = serde_json::from_str(json).unwrap();
    assert!(chats.len() > 15);
    for Chat { request, text } in chats {
        let parsed = Request::from_json(request.clone()).unwrap();
        for (template, text) in [
            (CLOSES, text.clone()),
            (
                STAYS_OPEN,
                text.replace("<|turn>model\n<|channel>thought\n<channel|>", "<|turn>model\n"),
            ),
        ] {
            let tokenizer = tokenizer(Some(template));
            let ids = render(&tokenizer, &parsed, &[]).unwrap();
            let spelled = tokenizer.encode(&text, Control::Parsed);
            let shown = |ids: &[u32]| shown(&tokenizer, ids);
            assert_eq!(ids, spelled, "{request}\n{}\nnot\n{}", shown(&ids), shown(&spelled));
        }
    }
}

/// With control tokens spelled out.
fn shown(tokenizer: &Tokenizer, ids: &[u32]) -> String {
    let pieces = ids.iter().filter_map(|id| tokenizer.vocabulary().piece(*id));
    pieces.collect::<String>().replace('▁', " ")
}

fn request(more: Value) -> Request {
    let mut request =
        json!({"messages": [{"role": "user", "content": [{"text": "the weather?"}]}]});
    let Value::Object(more) = more else { unreachable!("further fields are an object") };
    request.as_object_mut().unwrap().extend(more);
    Request::from_json(request).unwrap()
}

#[test]
fn the_first_revision_has_the_thinking_marker_before_the_text() {
    let system = json!([{"role": "system", "content": [{"text": "the"}]}]);
    let asked = request(json!({"messages": system, "config": {"includeReasoning": true}}));
    for (template, expected) in [
        ("{{- '<|think|>' -}}", "<bos><|turn>system\n<|think|>the<turn|>\n<|turn>model\n"),
        (CLOSES, "<bos><|turn>system\n<|think|>\nthe<turn|>\n<|turn>model\n"),
    ] {
        let tokenizer = tokenizer(Some(template));
        let ids = render(&tokenizer, &asked, &[]).unwrap();
        assert_eq!(ids, tokenizer.encode(expected, Control::Parsed));
    }
}

/// An answer of these tokens, with all its pieces joined.
fn answer(script: &str, more: Value) -> (Generation, String, String) {
    let tokenizer = tokenizer(None);
    let ids = tokenizer.encode(script, Control::Parsed);
    let asked = request(more);
    let prompt = render(&tokenizer, &asked, &[]).unwrap();
    let pass = Box::new(Scripted::new(prompt.len(), ids).with_room(2048));
    let mut session = Session::new(pass, Some(tokenizer));
    let options = session.options(&asked, 0).unwrap();
    let options = hybridge_gemma::generate::Options { sampler: Sampler::GREEDY, ..options };
    let mut generation = block_on(session.start(&prompt, options)).unwrap();
    let (mut reasoning, mut text) = (String::new(), String::new());
    while let Some(piece) = block_on(session.next(&mut generation)).unwrap() {
        reasoning.push_str(&piece.reasoning);
        text.push_str(&piece.text);
    }
    (generation, reasoning, text)
}

const THOUGHT: &str = "<|channel>thought\nthe weather is\n\nfine\n<channel|>hello world<turn|>";

#[test]
fn thoughts_are_separate_parts() {
    let thinks = json!({"config": {"includeReasoning": true}});
    let (generation, reasoning, text) = answer(THOUGHT, thinks.clone());
    assert_eq!((reasoning.as_str(), text.as_str()), ("the weather is\n\nfine", "hello world"));
    assert_eq!(generation.content(), [Part::reasoning(reasoning), Part::text("hello world")]);
    let usage = generation.usage();
    let spoken = tokenizer(None).encode("hello world", Control::AsText).len() as u64;
    assert_eq!(usage.thoughts_tokens.unwrap() + spoken, usage.output_tokens.unwrap());
    // The confidence of the answer.
    assert_eq!(generation.confidence().unwrap().tokens, spoken);
    // Thoughts that were not requested, or that only the model keeps, are not returned.
    for more in [json!({}), json!({"config": {"thinkingConfig": {"thinkingBudget": -1}}})] {
        let (generation, ..) = answer(THOUGHT, more);
        assert_eq!(generation.content(), [Part::text("hello world")]);
    }
    let (generation, ..) = answer("<|channel>thought\n<channel|>hello<turn|>", thinks.clone());
    assert_eq!(generation.content(), [Part::text("hello")]);
    // Cut off inside its thought.
    let (generation, reasoning, _) = answer("<|channel>thought\nthe weather<turn|>", thinks);
    assert_eq!((reasoning.as_str(), generation.text()), ("the weather", ""));
    assert_eq!(generation.finish_reason(), Some(FinishReason::Stop));
}

#[test]
fn a_thought_ends_with_its_budget() {
    let long = format!("<|channel>thought\n{}", "the ".repeat(100));
    for budget in [1, 2, 3, 8, 20] {
        let config = json!({"includeReasoning": true, "thinkingConfig": {"thinkingBudget": budget}, "maxOutputTokens": 60});
        let (generation, reasoning, text) = answer(&long, json!({"config": config}));
        // Its two markers count as thinking, too.
        assert_eq!(generation.usage().thoughts_tokens, Some(budget + 2));
        assert!(reasoning.starts_with("the") || budget < 20, "{budget}: {reasoning:?}");
        assert!(text.contains("the"), "the answer follows the thought");
    }
}

/// Thoughts, calls and text in any order, cut anywhere: the parts already returned never change.
#[test]
fn every_prefix_of_an_answer_stays_valid() {
    let tokenizer = tokenizer(None);
    let parts = [
        "<|channel>",
        "<channel|>",
        "thought\n",
        "<|tool_call>",
        "<tool_call|>",
        "call:weather{city:",
        "<|\"|>",
        "}",
        "the weather",
        "\n",
        " is 語",
        "é",
        "<tool_response|>",
        "{",
        "hello",
    ];
    let tools = json!([{"name": "weather", "description": "", "inputSchema": {"type": "object"}}]);
    let asked = request(json!({"tools": tools, "config": {"includeReasoning": true}}));
    let mut random = Random(7);
    let mut called = 0;
    for round in 0..200 {
        let mut script: String = (0..12).map(|_| parts[random.below(15) as usize]).collect();
        if round % 4 == 0 {
            script += "<channel|><tool_call|><|tool_call>call:weather{city:<|\"|>語<|\"|>,n:2}<tool_call|>";
        }
        let ids = tokenizer.encode(&script, Control::Parsed);
        let heard = |ids: &[u32]| {
            let mut listener = Listener::of(&asked, &tokenizer).unwrap().unwrap();
            let mut detokenizer = Detokenizer::default();
            let (mut reasoning, mut text, mut calls) = (String::new(), String::new(), Vec::new());
            for id in ids {
                let heard = listener.push(*id, detokenizer.push(tokenizer.vocabulary(), *id));
                reasoning.push_str(&heard.reasoning);
                text.push_str(&heard.text);
                calls.extend(heard.calls);
            }
            (reasoning, text, calls)
        };
        let (reasoning, text, calls) = heard(&ids);
        called += calls.len();
        for cut in 0..ids.len() {
            let so_far = heard(&ids[..cut]);
            assert!(reasoning.starts_with(&so_far.0), "{script:?} at {cut}");
            assert!(text.starts_with(&so_far.1), "{script:?} at {cut}");
            assert!(calls.starts_with(&so_far.2), "{script:?} at {cut}");
        }
        for shown in [&reasoning, &text] {
            assert!(
                !shown.contains("channel") && !shown.contains("tool_"),
                "{script:?}: {shown:?}"
            );
        }
    }
    assert!(called >= 50, "{called} calls");
}

#[test]
fn a_constrained_answer_may_think_first() {
    let schema =
        json!({"type": "object", "properties": {"sky": {"enum": ["blue"]}}, "required": ["sky"]});
    let more = |config: Value| json!({"output": {"schema": schema}, "config": config});
    let json = r#"{"sky":"blue"}"#;
    let thought = "<|channel>thought\nthe sky<turn|><channel|>";
    let (generation, reasoning, text) =
        answer(&format!("{thought}{json}<turn|>"), more(json!({"includeReasoning": true})));
    // The end of the turn was not allowed inside it.
    assert!(reasoning.starts_with("the sky"), "{reasoning:?}");
    assert_eq!(text, json);
    assert_eq!(generation.finish_reason(), Some(FinishReason::Stop));
    // Without thinking, the first token belongs to the answer.
    let (_, reasoning, text) = answer(&format!("{thought}{json}"), more(json!({})));
    assert_eq!(reasoning, "");
    assert!(text.starts_with('{'), "{text:?}");
}

#[test]
fn calls_match_their_tools_schema() {
    let tools = json!([{"name": "weather", "description": "", "inputSchema": {"type": "object", "properties": {"city": {"type": "string"}, "Days": {"type": "integer"}}, "required": ["city", "Days"]}}]);
    let more = |choice: &str| json!({"tools": tools, "toolChoice": choice, "config": {"includeReasoning": true}});
    let call = "<|tool_call>call:weather{city:<|\"|>a {b}, \"c\"<|\"|>,Days:3}<tool_call|>";
    let script = format!("<|channel>thought\nhm<channel|>{call}<|tool_response>");
    for choice in ["auto", "required"] {
        let (generation, reasoning, text) = answer(&script, more(choice));
        assert_eq!((reasoning.as_str(), text.as_str()), ("hm", ""), "{choice}");
        let [thought, called] = generation.content() else { panic!("{:?}", generation.content()) };
        assert_eq!(*thought, Part::reasoning("hm"));
        let Content::ToolRequest(called) = &called.content else { panic!("{called:?}") };
        assert_eq!(called.input, Some(json!({"city": "a {b}, \"c\"", "Days": 3})));
        assert_eq!(generation.finish_reason(), Some(FinishReason::Stop));
    }
    let error =
        wish_of(&request(json!({"tools": tools, "output": {"format": "json"}})), Dialect::Gemma4);
    assert_eq!(error.unwrap_err().code.as_deref(), Some("TOOLS_OR_JSON"));
}

/// The thought before a call is kept while the call is answered, with its original IDs.
#[test]
fn a_thought_is_kept_with_its_call_only() {
    let tokenizer = tokenizer(None);
    let answered = |question: bool| {
        let mut messages = json!([
            {"role": "user", "content": [{"text": "the weather?"}]},
            {"role": "model", "content": [{"reasoning": "hm"}, {"toolRequest": {"name": "weather", "input": {}, "ref": "x"}}]},
            {"role": "tool", "content": [{"toolResponse": {"name": "weather", "output": 3, "ref": "x"}}]},
        ]);
        if question {
            let more = [
                json!({"role": "model", "content": [{"reasoning": "so"}, {"text": "fine"}]}),
                json!({"role": "user", "content": [{"text": "the end?"}]}),
            ];
            messages.as_array_mut().unwrap().extend(more);
        }
        let ids = render(&tokenizer, &request(json!({"messages": messages})), &[]).unwrap();
        shown(&tokenizer, &ids)
    };
    assert!(answered(false).contains("<|channel>thought\nhm\n<channel|><|tool_call>"));
    assert!(!answered(true).contains("<|channel>"), "{}", answered(true));
    assert!(answered(true).contains("<tool_response|>fine<turn|>\n<|turn>user\nthe end?"));
}
