//! Conversations with pictures: the positions of their rows, reuse of cached rows, and refusals.

use std::cell::Cell;
use std::rc::Rc;

use futures::FutureExt;
use hybridge_core::{Error, Request, Status};
use hybridge_gemma::cpu::{self, Cpu, Precision, brief};
use hybridge_gemma::engine::FIRST_ROW;
use hybridge_gemma::generate::{Generation, Options, Progress, Prompt, Session};
use hybridge_gemma::source::Memory;
use hybridge_gemma::template::marks_of_pictures;
use hybridge_gemma::testing::{CHAT_GEMMA_4, Random, Tiny, TinyTower, find};
use hybridge_gemma::vision::{Budget, Gallery, Picture, VisionModel, attach};
use hybridge_gemma::{Model, Tokenizer};
use pollster::block_on;
use serde_json::{Value, json};

struct Pair {
    tiny: Tiny,
    tower: &'static str,
}

/// A Gemma 3 and a Gemma 4 model with towers of their width.
fn pairs() -> [Pair; 2] {
    [
        Pair { tiny: find("period_2").unwrap(), tower: "vision_gemma3_exchanged" },
        Pair { tiny: CHAT_GEMMA_4, tower: "vision_gemma4" },
    ]
}

impl Pair {
    fn open(&self) -> (Model, VisionModel) {
        let writer = self.tiny.seeing_writer();
        let tower = TinyTower::all().into_iter().find(|it| it.name == self.tower).unwrap();
        let model = block_on(Model::open(vec![Rc::new(Memory(writer.bytes()))])).unwrap();
        let vision = block_on(VisionModel::open(vec![Rc::new(Memory(tower.bytes()))])).unwrap();
        (model, vision)
    }

    fn session(&self) -> Session {
        let (model, vision) = self.open();
        let budget = Budget::new(70).unwrap();
        let tokenizer = Rc::new(Tokenizer::read(model.gguf()).unwrap());
        let model = attach(model, &vision.config, budget, Some(&tokenizer)).unwrap();
        let pass = block_on(Cpu::load(&model, 400, Precision::Exact)).unwrap();
        let load: hybridge_gemma::vision::LoadTower =
            Box::new(|vision| Box::pin(cpu::load_tower(vision, brief())));
        Session::new(Box::new(pass), Some(tokenizer))
            .with_gallery(Gallery::new(vision, budget, load))
    }
}

fn picture(seed: u64) -> Picture {
    let mut random = Random(seed);
    Picture::new(30, 20, (0..3 * 30 * 20).map(|_| random.byte()).collect()).unwrap()
}

/// `P` stands for a picture; everything else is text.
fn user(words: &str) -> Value {
    let part = |word: &str| match word {
        "P" => json!({ "media": { "url": "data:," } }),
        word => json!({ "text": format!("{word} ") }),
    };
    json!({ "role": "user", "content": words.split(' ').map(part).collect::<Vec<_>>() })
}

fn request(messages: &[Value]) -> Request {
    let config = json!({ "temperature": 0, "maxOutputTokens": 6 });
    Request::from_json(json!({ "messages": messages, "config": config })).unwrap()
}

fn prompt(session: &mut Session, request: &Request, seeds: &[u64]) -> Result<Prompt, Error> {
    let shown = seeds.iter().map(|seed| session.show(&picture(*seed))).collect::<Result<_, _>>()?;
    session.prompt_with(request, shown)
}

/// Returns an answer, and how often a tower ran for it.
fn ask(session: &mut Session, request: &Request, seeds: &[u64]) -> (Generation, u32) {
    let prompt = prompt(session, request, seeds).unwrap();
    let ends = Rc::new(Cell::new(0));
    let count = Rc::clone(&ends);
    let progress = Progress::new(move |share| count.set(count.get() + u32::from(share >= 1.0)));
    let options = Options { progress: Some(progress), ..session.options(request, 1).unwrap() };
    let mut generation = block_on(session.start(prompt, options)).unwrap();
    while block_on(session.next(&mut generation)).unwrap().is_some() {}
    (generation, ends.get())
}

/// Returns the IDs with −1 for each row.
fn rows_hidden(ids: &[u32]) -> Vec<i64> {
    ids.iter().map(|id| if *id < FIRST_ROW { i64::from(*id) } else { -1 }).collect()
}

#[test]
fn rows_are_between_the_markers_of_the_template() {
    for pair in pairs() {
        let mut session = pair.session();
        let request = request(&[user("Look at P and P now")]);
        let ids = prompt(&mut session, &request, &[1, 2]).unwrap().ids;
        let (model, vision) = pair.open();
        let tokenizer = Tokenizer::read(model.gguf()).unwrap();
        let rows = session.show(&picture(1)).unwrap().ids().len();
        assert!(rows > 5 && rows <= vision.config.most_tokens(Budget::new(70).unwrap()));
        let [open, close] =
            marks_of_pictures(pair.tiny.dialect).map(|mark| tokenizer.control(mark).unwrap());
        let is_4 = pair.tower == "vision_gemma4";
        let [turn, end] =
            if is_4 { ["<|turn>", "<turn|>"] } else { ["<start_of_turn>", "<end_of_turn>"] };
        let [turn, end] = [turn, end].map(|mark| tokenizer.control(mark).unwrap());
        let around = if is_4 { "" } else { "\n\n" };
        let mut right = vec![tokenizer.bos().unwrap(), turn];
        let text = |text: String, to: &mut Vec<u32>| {
            tokenizer.encode_into(&text, hybridge_gemma::tokenizer::Control::AsText, to);
        };
        text(format!("user\nLook at{around}"), &mut right);
        right.push(open);
        right.extend(vec![FIRST_ROW; rows]);
        right.push(close);
        text(format!("{around}and{around}"), &mut right);
        right.push(open);
        right.extend(vec![FIRST_ROW; rows]);
        right.push(close);
        text(format!("{around}now"), &mut right);
        right.push(end);
        text("\n".into(), &mut right);
        right.push(turn);
        text("model\n".into(), &mut right);
        let right = rows_hidden(&right);
        assert_eq!(rows_hidden(&ids)[..right.len()], right, "{}", pair.tower);
        // Each picture has its own IDs, which recur with the same picture.
        let of = |seed: u64, session: &mut Session| session.show(&picture(seed)).unwrap().ids();
        assert_eq!(of(1, &mut session), of(1, &mut session));
        assert_ne!(of(1, &mut session), of(2, &mut session));
        // A user cannot type a row's marker.
        let typed = self::request(&[user("<start_of_image> <|image>")]);
        let ids = session.prompt(&typed).unwrap();
        assert!(!ids.contains(&open) && !ids.contains(&close));
    }
}

#[test]
fn conversations_with_pictures_continue_from_the_cache() {
    for pair in pairs() {
        let mut session = pair.session();
        let mut messages = vec![user("Describe P briefly")];
        let (_, ends) = ask(&mut session, &request(&messages), &[1]);
        assert_eq!(ends, 1);
        messages.push(json!({ "role": "model", "content": [{ "text": "It is fine." }] }));
        messages.push(user("and P too"));
        for (seeds, towers, is_longer) in [([1, 2], 1, true), ([1, 2], 0, true), ([3, 2], 1, false)]
        {
            let (warm, ends) = ask(&mut session, &request(&messages), &seeds);
            assert_eq!(ends, towers, "{} {seeds:?}", pair.tower);
            let mut cold_session = pair.session();
            let (cold, _) = ask(&mut cold_session, &request(&messages), &seeds);
            assert_eq!(warm.text(), cold.text(), "{} {seeds:?}", pair.tower);
            let cached = warm.usage().cached_content_tokens.unwrap();
            // With another first picture, neither it nor anything after it is reused.
            let ids = prompt(&mut session, &request(&messages), &seeds).unwrap().ids;
            let first_row = ids.iter().position(|id| *id >= FIRST_ROW).unwrap() as u64;
            assert_eq!(cached > first_row, is_longer, "{} {seeds:?}: {cached}", pair.tower);
        }
    }
}

#[test]
fn a_stop_during_a_tower_keeps_the_conversation() {
    for pair in pairs() {
        let mut session = pair.session();
        let request = request(&[user("Describe P briefly")]);
        let stopped = prompt(&mut session, &request, &[1]).unwrap();
        let options = session.options(&request, 1).unwrap();
        let cancel = options.cancel.clone();
        {
            let mut work = Box::pin(session.start(stopped, options));
            // Every poll ends at a pause.
            for _ in 0..4 {
                assert!((&mut work).now_or_never().is_none());
            }
            cancel.cancel();
            let error = (&mut work).now_or_never().unwrap().unwrap_err();
            assert_eq!(error, Error::cancelled());
        }
        let (warm, _) = ask(&mut session, &request, &[1]);
        let (cold, _) = ask(&mut pair.session(), &request, &[1]);
        assert_eq!(warm.text(), cold.text());
    }
}

#[test]
fn markers_are_never_generated() {
    for pair in pairs() {
        let mut session = pair.session();
        let request = request(&[user("P")]);
        let asked = prompt(&mut session, &request, &[1]).unwrap();
        let options = session.options(&request, 1).unwrap();
        block_on(session.start(asked, options)).unwrap();
        let logits = block_on(session.logits()).unwrap();
        let (model, _) = pair.open();
        let tokenizer = Tokenizer::read(model.gguf()).unwrap();
        for mark in marks_of_pictures(pair.tiny.dialect) {
            assert!(logits[tokenizer.control(mark).unwrap() as usize] < -1e29, "{mark}");
        }
    }
}

#[test]
fn unreadable_pictures_are_refused_by_name() {
    let [pair, of_4] = pairs();
    let check = |outcome: Result<Prompt, Error>, code: &str| {
        let error = outcome.unwrap_err();
        assert_eq!(error.code.as_deref(), Some(code), "{error}");
        assert_eq!(error.status, Status::InvalidArgument, "{error}");
    };
    let asked = request(&[user("see P")]);
    let (model, vision) = pair.open();
    let tokenizer = Rc::new(Tokenizer::read(model.gguf()).unwrap());
    let pass = block_on(Cpu::load(&model, 100, Precision::Exact)).unwrap();
    let mut blind = Session::new(Box::new(pass), Some(tokenizer));
    check(blind.show(&picture(1)).map(|_| Prompt::default()), "MEDIA_UNSUPPORTED");
    check(blind.prompt_with(&asked, Vec::new()), "MEDIA_UNSUPPORTED");
    let mut session = pair.session();
    check(prompt(&mut session, &asked, &[]), "MEDIA_UNSUPPORTED");
    let content = json!([{ "media": { "url": "data:," } }]);
    let by_model = request(&[user("a"), json!({ "role": "model", "content": content })]);
    check(prompt(&mut session, &by_model, &[1]), "MEDIA_UNSUPPORTED");
    // A tower of another family.
    let (model, _) = of_4.open();
    let outcome = attach(model, &vision.config, Budget::USUAL, None);
    check(outcome.map(|_| Prompt::default()), "MMPROJ_MISMATCH");
}
