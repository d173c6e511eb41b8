//! The generation loop, with a scripted pass and a real one.

use std::cell::Cell;
use std::rc::Rc;

use futures::FutureExt as _;
use futures::future::{LocalBoxFuture, join, pending, ready};
use hybridge_core::{Error, FinishReason, Message, Request, Result, Role, Status};
use hybridge_gemma::cache::Reuse;
use hybridge_gemma::cpu::{Cpu, Precision};
use hybridge_gemma::generate::{Cancel, Options, Session};
use hybridge_gemma::sample::Sampler;
use hybridge_gemma::scalar::Scalar;
use hybridge_gemma::source::Memory;
use hybridge_gemma::testing::find;
use hybridge_gemma::tokenizer::Control;
use hybridge_gemma::{Config, Model, Pass, Tokenizer};
use pollster::block_on;

fn model() -> Model {
    block_on(Model::open(vec![Rc::new(Memory(find("no_window").unwrap().bytes()))])).unwrap()
}

/// Generates the tokens of a script, whatever is fed after the prompt.
#[derive(Debug)]
pub(crate) struct Scripted {
    config: Config,
    script: Vec<u32>,
    prompt: usize,
    fed: Vec<u32>,
    capacity: usize,
    is_broken_at: Option<usize>,
    /// Whether prefill never returns.
    is_endless: bool,
    /// The saved bytes and their limit; more than the limit cannot be allocated.
    saved: Rc<Cell<(u64, u64)>>,
}

impl Scripted {
    pub(crate) fn new(prompt: usize, script: Vec<u32>) -> Self {
        let config = model().config;
        let (is_broken_at, is_endless, saved) = (None, false, Rc::default());
        Self {
            config,
            script,
            prompt,
            fed: Vec::new(),
            capacity: 64,
            is_broken_at,
            is_endless,
            saved,
        }
    }

    pub(crate) fn with_room(self, capacity: usize) -> Self {
        Self { capacity, ..self }
    }
}

impl Pass for Scripted {
    fn config(&self) -> &Config {
        &self.config
    }

    fn chunk(&self) -> usize {
        4
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    fn tokens(&self) -> &[u32] {
        &self.fed
    }

    fn resume(&mut self, tokens: &[u32]) -> usize {
        let shared = self.fed.iter().zip(tokens).take_while(|(fed, new)| fed == new).count();
        self.fed.truncate(shared);
        shared
    }

    fn forget(&mut self) {
        self.fed.clear();
        self.saved.set((0, self.saved.get().1));
    }

    fn set_budget(&mut self, bytes: u64) {
        self.saved.set((self.saved.get().0, bytes));
    }

    fn reuse(&self) -> Reuse {
        Reuse { saved_bytes: self.saved.get().0, ..Reuse::default() }
    }

    fn prefill<'a>(&'a mut self, tokens: &'a [u32]) -> LocalBoxFuture<'a, Result<()>> {
        if self.is_endless {
            return Box::pin(pending());
        }
        if self.saved.get().0 > 1000 {
            let error = Error::new(Status::ResourceExhausted, "the GPU ran out of memory");
            return Box::pin(ready(Err(error.with_code("OUT_OF_MEMORY"))));
        }
        self.fed.extend(tokens);
        Box::pin(ready(Ok(())))
    }

    fn logits(&mut self) -> LocalBoxFuture<'_, Result<Vec<f32>>> {
        let step = self.fed.len() - self.prompt;
        let mut logits = vec![0.0; self.config.vocabulary];
        // After the script it generates newlines.
        let next = self.script.get(step).copied().unwrap_or(107);
        if let Some(logit) = logits.get_mut(next as usize) {
            *logit = if self.is_broken_at == Some(step) { f32::NAN } else { 9.0 };
        }
        Box::pin(ready(Ok(logits)))
    }
}

fn options(max_output_tokens: usize, stop: &[&str]) -> Options {
    Options {
        sampler: Sampler::GREEDY,
        max_output_tokens,
        stop_sequences: stop.iter().map(|it| (*it).to_owned()).collect(),
        top: 0,
        constraint: None,
        listener: None,
        cancel: Cancel::default(),
        progress: None,
    }
}

/// Returns the text, whether a piece ever had half a character, the reason, and the counted tokens.
#[track_caller]
fn check(script: &str, options: &Options, expected: (&str, FinishReason, u64)) {
    let tokenizer = Tokenizer::read(model().gguf()).unwrap();
    check_ids(tokenizer.encode(script, Control::Parsed), options, expected);
}

#[track_caller]
fn check_ids(script: Vec<u32>, options: &Options, expected: (&str, FinishReason, u64)) {
    let tokenizer = Rc::new(Tokenizer::read(model().gguf()).unwrap());
    let prompt = [2, 500, 501];
    let pass = Box::new(Scripted::new(prompt.len(), script));
    let mut session = Session::new(pass, Some(tokenizer));
    let mut generation = block_on(session.start(&prompt, options.clone())).unwrap();
    let (mut text, mut choices) = (String::new(), 0);
    while let Some(piece) = block_on(session.next(&mut generation)).unwrap() {
        text.push_str(&piece.text);
        choices += piece.choices.len();
    }
    assert_eq!(text, generation.text());
    assert_eq!(choices, generation.ids().len());
    let usage = generation.usage();
    let got = (text.as_str(), generation.finish_reason().unwrap(), usage.output_tokens.unwrap());
    assert_eq!(got, expected);
    assert_eq!(usage.input_tokens, Some(3));
    assert_eq!(generation.confidence().map_or(0, |it| it.tokens), expected.2);
    if let Some(confidence) = generation.confidence() {
        // One logit is 9, all others are 0.
        let others = (model().config.vocabulary - 1) as f64;
        let total = 9.0_f64.exp() + others;
        let entropy = total.ln() - 9.0 * 9.0_f64.exp() / total;
        assert_eq!(confidence.first_margin, Some(9.0));
        assert!((confidence.mean_entropy.unwrap() - entropy).abs() < 1e-5);
    }
    // Another call still returns the end.
    assert_eq!(block_on(session.next(&mut generation)).unwrap(), None);
}

#[test]
fn an_answer_ends_with_a_reason() {
    use FinishReason::{Length, Stop};
    let count = |text: &str| {
        Tokenizer::read(model().gguf()).unwrap().encode(text, Control::Parsed).len() as u64
    };
    check(
        "hello world<end_of_turn>",
        &options(99, &[]),
        ("hello world", Stop, count("hello world")),
    );
    check("hello<eos>", &options(99, &[]), ("hello", Stop, count("hello")));
    // A continued answer begins with its space.
    check(" three<eos>", &options(99, &[]), (" three", Stop, count(" three")));
    check("<end_of_turn>", &options(99, &[]), ("", Stop, 0));
    check("hello<eos>", &options(1, &[]), ("hello", Length, count("hello")));
    check("hello", &options(0, &[]), ("", Length, 0));
    // A stop sequence across tokens; text that only resembled its beginning is returned.
    check(
        "the weather is fine",
        &options(99, &["er is"]),
        ("the weath", Stop, count("the weather is")),
    );
    check("the end<eos>", &options(99, &["ends"]), ("the end", Stop, count("the end")));
    // Half a character at the end becomes a replacement character.
    let byte = |byte: u32| 238 + byte;
    let half = vec![byte(0xe8), byte(0xaa), 1];
    check_ids(half, &options(99, &[]), ("\u{fffd}", Stop, 2));
    let whole = vec![byte(0xe8), byte(0xaa), byte(0x9e), 1];
    check_ids(whole, &options(99, &["x"]), ("語", Stop, 3));
    // The end of the context window.
    check("", &options(99, &["zzz"]), (&"\n".repeat(62), Length, 62));
}

#[test]
fn cancelling_stops_before_the_next_token() {
    let mut session = Session::new(Box::new(Scripted::new(3, vec![500; 60])), None);
    let options = options(99, &[]);
    let mut generation = block_on(session.start(&[2, 3, 4], options.clone())).unwrap();
    options.cancel.cancel();
    options.cancel.cancel();
    let error = block_on(session.next(&mut generation)).unwrap_err();
    assert_eq!(error, Error::cancelled());
    // Also before the prompt is fed; the session then continues with another switch.
    let error = block_on(session.start(&[2, 3, 4, 5], options)).unwrap_err();
    assert_eq!(error, Error::cancelled());
    block_on(session.start(&[2, 3, 4], self::options(9, &[]))).unwrap();
}

#[test]
fn non_finite_logits_are_an_error_and_the_next_answer_is_clean() {
    let pass = Scripted { is_broken_at: Some(2), ..Scripted::new(3, vec![500; 9]) };
    let mut session = Session::new(Box::new(pass), None);
    let mut generation = block_on(session.start(&[2, 3, 4], options(9, &[]))).unwrap();
    let error = loop {
        if let Err(error) = block_on(session.next(&mut generation)) {
            break error;
        }
    };
    assert_eq!(error.code.as_deref(), Some("NUMERIC"));
    let generation = block_on(session.start(&[2, 3, 4], options(9, &[]))).unwrap();
    assert_eq!(generation.usage().cached_content_tokens, Some(0));
}

/// When memory runs out, saved rows are dropped and their limit is halved.
#[test]
fn an_allocation_failure_drops_the_cache() {
    let saved = Rc::new(Cell::new((5000, u64::MAX)));
    let pass = Scripted { saved: Rc::clone(&saved), ..Scripted::new(3, vec![500; 9]) };
    let mut session = Session::new(Box::new(pass), None);
    let error = block_on(session.start(&[2, 3, 4], options(9, &[]))).unwrap_err();
    assert_eq!(error.code.as_deref(), Some("OUT_OF_MEMORY"));
    assert_eq!(saved.get(), (0, 2500));
    block_on(session.start(&[2, 3, 4], options(9, &[]))).unwrap();
}

#[test]
fn invalid_prompts_are_refused() {
    let mut session = Session::new(Box::new(Scripted::new(0, vec![])), None);
    let mut code = |prompt: &[u32]| {
        let error = block_on(session.start(prompt, options(9, &[]))).unwrap_err();
        error.code.map(|code| code.into_owned())
    };
    assert_eq!(code(&[2; 65]).as_deref(), Some("CONTEXT_FULL"));
    // It fits, but leaves no room for an answer.
    assert_eq!(code(&[2; 64]).as_deref(), Some("CONTEXT_FULL"));
    assert_eq!(code(&[]), None);
}

/// Two turns in one session, and the second one alone: the same answer with fewer tokens fed.
#[test]
fn a_conversation_continues_where_its_cache_ends() {
    let model = model();
    let tokenizer = Rc::new(Tokenizer::read(model.gguf()).unwrap());
    let session = || {
        let pass = block_on(Scalar::load(&model, 256)).unwrap();
        Session::new(Box::new(pass), Some(Rc::clone(&tokenizer)))
    };
    let ask = |session: &mut Session, prompt: &[u32]| {
        let sampler = Sampler { temperature: 0.8, seed: 4, ..Sampler::GREEDY };
        let options = Options { sampler, ..options(12, &[]) };
        let mut generation = block_on(session.start(prompt, options)).unwrap();
        while block_on(session.next(&mut generation)).unwrap().is_some() {}
        generation
    };
    let mut long = session();
    let mut request = Request::default();
    request.messages.push(Message::text(Role::User, "What is the weather?"));
    let first_prompt = long.prompt(&request).unwrap();
    let first = ask(&mut long, &first_prompt);
    // An answer that could be trimmed would give another text; with this seed it cannot.
    assert_eq!(first.text().trim(), first.text());
    request.messages.push(Message::text(Role::Model, first.text()));
    request.messages.push(Message::text(Role::User, "And the dog?"));
    let second_prompt = long.prompt(&request).unwrap();
    assert!(second_prompt.starts_with(&[first_prompt.as_slice(), first.ids()].concat()));
    let second = ask(&mut long, &second_prompt);
    // Only the last token of the answer was never fed.
    let cached = (first_prompt.len() + first.ids().len() - 1) as u64;
    assert_eq!(second.usage().cached_content_tokens, Some(cached));
    let alone = ask(&mut session(), &second_prompt);
    assert_eq!(alone.ids(), second.ids());
    assert_eq!(alone.usage().cached_content_tokens, Some(0));
    // The same prompt again: all but its last token is cached.
    let again = ask(&mut long, &second_prompt);
    assert_eq!(again.ids(), second.ids());
    assert_eq!(again.usage().cached_content_tokens, Some(second_prompt.len() as u64 - 1));
}

#[test]
fn cancelling_wakes_a_waiting_prompt() {
    let pass = Scripted { is_endless: true, ..Scripted::new(3, Vec::new()) };
    let mut session = Session::new(Box::new(pass), None);
    let options = options(4, &[]);
    let cancel = options.cancel.clone();
    let (error, ()) =
        block_on(join(session.start(&[2, 500, 501], options), async { cancel.cancel() }));
    assert_eq!(error.unwrap_err().status, Status::Cancelled);
}

#[test]
fn a_prompt_is_aborted_while_it_waits_and_can_be_repeated() {
    let prompt = find("no_window").unwrap().prompt(60);
    let session = || {
        let pass = block_on(Cpu::load(&model(), 64, Precision::Exact)).unwrap();
        Session::new(Box::new(pass), None)
    };
    let mut fresh = session();
    block_on(fresh.start(&prompt, options(4, &[]))).unwrap();
    let expected = block_on(fresh.logits()).unwrap();
    for polls in [0, 1, 2, 4] {
        let mut session = session();
        let options = options(4, &[]);
        {
            let cancel = options.cancel.clone();
            let mut starting = Box::pin(session.start(&prompt, options.clone()));
            for _ in 0..polls {
                assert!(starting.as_mut().now_or_never().is_none(), "read within {polls} polls");
            }
            cancel.cancel();
            assert_eq!(block_on(starting).unwrap_err().status, Status::Cancelled);
        }
        assert!(session.pass().position() < 60);
        block_on(session.start(&prompt, Options { cancel: Cancel::default(), ..options })).unwrap();
        assert_eq!(block_on(session.logits()).unwrap(), expected, "{polls} polls");
    }
}
