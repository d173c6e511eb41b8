//! Conversations on one pass: results are exact whatever came in between, and only new tokens are
//! fed.

use std::rc::Rc;

use hybridge_core::{Content, FinishReason, Message, Request, Role};
use hybridge_gemma::cpu::{Cpu, Precision};
use hybridge_gemma::generate::{Cancel, Generation, Options, Session};
use hybridge_gemma::sample::Sampler;
use hybridge_gemma::scalar::Scalar;
use hybridge_gemma::source::Memory;
use hybridge_gemma::testing::{FUNCTION_GEMMA, Tiny, Trial, find, turns_agree_with_cold_starts};
use hybridge_gemma::{Model, Pass, Tokenizer};
use pollster::block_on;
use serde_json::{Value, json};

/// Models whose caches differ.
const SHAPES: [&str; 6] =
    ["q8_0", "irregular", "no_window", "period_2", "gemma4_q4_0", "gemma3n_q8_0"];

fn open(tiny: &Tiny) -> Model {
    block_on(Model::open(vec![Rc::new(Memory(tiny.bytes()))])).unwrap()
}

/// Turns, edits, forks and switches give the results of a cold start, for every size of the cache.
fn check<P: Pass>(load: impl Fn(&Model, u64) -> P, turns: [usize; 6], (chunk, most): (usize, f64)) {
    for (name, turns) in SHAPES.iter().zip(turns) {
        let model = open(&find(name).unwrap());
        for budget in [u64::MAX, 60_000] {
            let (mut pass, mut cold) = (load(&model, budget), load(&model, 0));
            let (seed, has_room) = (budget / 1000, budget == u64::MAX);
            let trial = Trial { seed, turns, chunk, most, has_room };
            let turns = turns_agree_with_cold_starts(&mut pass, &mut cold, trial);
            block_on(turns).map_err(|error| format!("{name} in {budget}: {error}")).unwrap();
            let reuse = pass.reuse();
            assert!(reuse.saved_bytes <= budget && reuse.reused > 0, "{name}: {reuse:?}");
        }
    }
}

#[test]
fn the_scalar_pass_continues_bit_for_bit() {
    let load =
        |model: &Model, budget| block_on(Scalar::load(model, 200)).unwrap().with_budget(budget);
    check(load, [14, 10, 8, 8, 8, 5], (40, 0.0));
}

#[test]
fn the_cpu_pass_continues_bit_for_bit() {
    // Tokens that are fed together are added in another order than single ones.
    for (precision, chunk, most) in
        [(Precision::Exact, 1, 0.0), (Precision::Fast, 1, 0.0), (Precision::Exact, 40, 1e-4)]
    {
        let load = |model: &Model, budget| {
            block_on(Cpu::load(model, 200, precision)).unwrap().with_budget(budget)
        };
        check(load, [30, 20, 20, 20, 15, 10], (chunk, most));
    }
}

fn session(tiny: &Tiny, capacity: usize) -> Session {
    let model = open(tiny);
    let tokenizer = Rc::new(Tokenizer::read(model.gguf()).unwrap());
    let pass = block_on(Cpu::load(&model, capacity, Precision::Fast)).unwrap();
    Session::new(Box::new(pass), Some(tokenizer))
}

fn ask(session: &mut Session, request: &Request, seed: u64) -> Generation {
    let prompt = session.prompt(request).unwrap();
    let options = session.options(request, seed).unwrap();
    let mut generation = block_on(session.start(&prompt, options)).unwrap();
    while block_on(session.next(&mut generation)).unwrap().is_some() {}
    generation
}

fn fed(generation: &Generation) -> u64 {
    let usage = generation.usage();
    usage.input_tokens.unwrap() - usage.cached_content_tokens.unwrap()
}

/// Alternates two identical chats, each with a question and an answer of these lengths.
struct Chat {
    prompt: Vec<u32>,
    tiny: Tiny,
    turns: usize,
}

impl Chat {
    fn new(name: &'static str) -> Self {
        let tiny = Tiny { name, ..find("q8_0").unwrap() };
        Self { prompt: tiny.prompt(200), tiny, turns: 0 }
    }

    /// Runs one turn of 200 tokens, half of them an answer; returns how many of its prompt were
    /// fed.
    fn turn(&mut self, session: &mut Session) -> u64 {
        self.turns += 1;
        let ids = self.tiny.prompt(200 + 100 * self.turns).split_off(100 + 100 * self.turns);
        self.prompt.extend(ids);
        let options = Options {
            sampler: Sampler::GREEDY,
            max_output_tokens: 100,
            stop_sequences: Vec::new(),
            top: 0,
            constraint: None,
            listener: None,
            cancel: Cancel::default(),
            progress: None,
        };
        let mut generation = block_on(session.start(&self.prompt, options)).unwrap();
        while block_on(session.next(&mut generation)).unwrap().is_some() {}
        self.prompt.extend(generation.ids());
        fed(&generation)
    }
}

/// The tenth turn of 2,000 tokens, with another chat before each.
#[test]
fn two_alternating_chats_feed_only_new_tokens() {
    // A window of a real model's size, without tokens that end an answer.
    let tiny = Tiny { layers: 7, window: Some(512), ..find("q8_0").unwrap() };
    let pass = block_on(Cpu::load(&open(&tiny), 4096, Precision::Fast)).unwrap();
    let mut session = Session::new(Box::new(pass), None);
    let (mut chat, mut other) = (Chat::new("one"), Chat::new("another"));
    for turn in 1..=10 {
        for chat in [&mut other, &mut chat] {
            let length = chat.prompt.len() as u64 + 100;
            let fed = chat.turn(&mut session);
            let most = if turn == 1 { length } else { 101 };
            assert!(fed <= most, "turn {turn}: {fed} of {length} tokens");
            assert!(turn < 10 || fed * 100 <= 15 * length, "turn {turn}: {fed} of {length}");
        }
    }
    assert!(chat.prompt.len() >= 2000);
    // An edit of the last message, far beyond the rings.
    let mut edited = chat.prompt.clone();
    edited.truncate(1500);
    edited.extend(tiny.prompt(40));
    let options = Options::of(&Request::default(), 1);
    let generation = block_on(session.start(&edited, options)).unwrap();
    assert_eq!(fed(&generation), 40);
}

fn request(messages: &[Message], more: Value) -> Request {
    let mut request = Request::from_json(more).unwrap();
    request.messages = messages.to_vec();
    request
}

/// Turns with a schema, without, and with another one: each feeds its own tokens and the end of the
/// previous answer.
#[test]
fn constrained_answers_keep_the_cache() {
    let mut session = session(&find("no_window").unwrap(), 2048);
    let mut messages = vec![Message::text(Role::User, "What is the weather?")];
    let schema = |names: &[&str]| {
        let enums = json!({"type": "string", "enum": names});
        json!({"output": {"schema": {"type": "object", "properties": {"sky": enums}, "required": ["sky"]}}})
    };
    let asks = [
        schema(&["blue", "grey"]),
        schema(&["grey", "green", "red"]),
        json!({"config": {"maxOutputTokens": 6, "temperature": 0}}),
        schema(&["blue"]),
    ];
    let mut held = 0;
    for (turn, more) in asks.into_iter().enumerate() {
        let generation = ask(&mut session, &request(&messages, more), 3);
        let usage = generation.usage();
        let whole = generation.finish_reason() == Some(FinishReason::Stop);
        // An answer that was cut, or that begins with white space, is tokenized again.
        assert!(usage.cached_content_tokens.unwrap() >= held, "turn {turn}: {usage:?}");
        let answered = if whole { generation.ids().len() as u64 - 1 } else { 0 };
        held = usage.input_tokens.unwrap() + answered;
        messages.push(Message::text(Role::Model, generation.text()));
        messages.push(Message::text(Role::User, "And the dog?"));
    }
}

/// A call and its result with another conversation in between, in both dialects.
#[test]
fn tool_turns_keep_the_cache() {
    for tiny in [find("no_window").unwrap(), FUNCTION_GEMMA] {
        let mut session = session(&tiny, 2048);
        let more = json!({
            "tools": [{"name": "weather", "description": "", "inputSchema": {"type": "object", "properties": {"city": {"enum": ["Bonn", "Rome"]}}, "required": ["city"]}}],
            "toolChoice": "required",
            "config": {"temperature": 1, "topK": 0, "topP": 1, "maxOutputTokens": 300},
        });
        let mut messages = vec![Message::text(Role::User, "Is it raining?")];
        let first = request(&messages, more.clone());
        let called = (0..20)
            .map(|seed| ask(&mut session, &first, seed))
            .find(|it| it.finish_reason() == Some(FinishReason::Stop))
            .unwrap();
        let content = called.content().to_vec();
        let results: Vec<Value> = content
            .iter()
            .filter_map(|part| match &part.content {
                Content::ToolRequest(call) => Some(json!({"toolResponse": {"name": call.name, "output": {"ok": true}, "ref": call.reference}})),
                _ => None,
            })
            .collect();
        messages.push(Message { role: Role::Model, content, metadata: None });
        let results = json!({"messages": [{"role": "tool", "content": results}]});
        messages.extend(Request::from_json(results).unwrap().messages);
        let other = [Message::text(Role::User, "hello world, hello weather")];
        ask(&mut session, &request(&other, json!({"config": {"maxOutputTokens": 9}})), 1);
        let usage = ask(&mut session, &request(&messages, more), 1).usage();
        let held = called.usage().input_tokens.unwrap() + called.ids().len() as u64 - 1;
        assert!(usage.cached_content_tokens.unwrap() >= held, "{}: {usage:?}", tiny.name);
    }
}

/// Two answers generated alternately, token by token, equal those generated alone.
#[test]
fn concurrent_answers_do_not_mix() {
    let tiny = find("q8_0").unwrap();
    let begin = |session: &mut Session, prompt: &[u32], seed| {
        let request = json!({"config": {"maxOutputTokens": 20, "temperature": 1.0}});
        let options = Options::of(&Request::from_json(request).unwrap(), seed);
        block_on(session.start(prompt, options)).unwrap()
    };
    let new = || {
        let pass = block_on(Cpu::load(&open(&tiny), 256, Precision::Exact)).unwrap();
        Session::new(Box::new(pass), None)
    };
    let prompts = [tiny.prompt(90), tiny.prompt(70), tiny.prompt(120)];
    let alone = prompts.each_ref().map(|prompt| {
        let mut session = new();
        let mut generation = begin(&mut session, prompt, 5);
        while block_on(session.next(&mut generation)).unwrap().is_some() {}
        generation.ids().to_vec()
    });
    let mut session = new();
    let mut together = prompts.each_ref().map(|prompt| begin(&mut session, prompt, 5));
    loop {
        let more = together.each_mut().map(|generation| block_on(session.next(generation)));
        if more.iter().all(|piece| matches!(piece, Ok(None))) {
            break;
        }
    }
    assert_eq!(together.map(|it| it.ids().to_vec()), alone);
}

/// An answer to continue that was cut inside a word: the model generates the word again, possibly
/// with other tokens; the returned text follows the given text.
#[test]
fn a_cut_word_is_continued() {
    let tiny = find("no_window").unwrap();
    let tokenizer = Rc::new(Tokenizer::read(open(&tiny).gguf()).unwrap());
    let mut session = session(&tiny, 200);
    let request = |begun: &str| {
        let (user, model) = (json!([{"text": "Go on."}]), json!([{"text": begun}]));
        let mark = json!({"prefix": true});
        let messages = json!([
            {"role": "user", "content": user},
            {"role": "model", "content": model, "metadata": mark},
        ]);
        Request::from_json(json!({"messages": messages})).unwrap()
    };
    let mut grown = 0;
    for begun in ["The capi", "One two thr", "o", "über die Str", "a. B4", "東京"] {
        let request = request(begun);
        let whole = session.prompt(&request).unwrap();
        for seed in 0..20 {
            let prompt = session.prompt_with(&request, Vec::new()).unwrap();
            assert!(prompt.ids.len() < whole.len() && whole.starts_with(&prompt.ids), "{begun}");
            let left_out = whole.len() - prompt.ids.len();
            let cut = tokenizer.decode(&whole[prompt.ids.len()..]);
            let mut options = session.options(&request, seed).unwrap();
            options.max_output_tokens = 6;
            let mut generation = block_on(session.start(prompt, options)).unwrap();
            while block_on(session.next(&mut generation)).unwrap().is_some() {}
            let said = tokenizer.decode(generation.ids());
            assert_eq!(said, format!("{cut}{}", generation.text()), "{begun}");
            assert!(begun.ends_with(cut.trim()), "{begun}: {cut}");
            let usage = generation.usage();
            assert_eq!(usage.input_tokens, Some(whole.len() as u64));
            grown += usize::from(!generation.ids().starts_with(&whole[whole.len() - left_out..]));
        }
    }
    assert!(grown > 0, "no word was ended in other pieces");
    // A whole word, and an answer in JSON, are not generated again.
    for begun in ["Well. ", "Yes,"] {
        let request = request(begun);
        let prompt = session.prompt_with(&request, Vec::new()).unwrap();
        assert_eq!(prompt.ids, session.prompt(&request).unwrap());
    }
    let mut json = request("The capi");
    json.output = Some(hybridge_core::Output { format: None, schema: Some(json!({})) });
    let prompt = session.prompt_with(&json, Vec::new()).unwrap();
    assert_eq!(prompt.ids, session.prompt(&json).unwrap());
}
