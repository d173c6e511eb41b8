//! Measures a decision by a tree of depth five, and all detectors on ten megabytes.

#![expect(clippy::expect_used, reason = "a benchmark without its setup cannot run")]

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use hybridge_core::privacy::kinds_in;
use hybridge_core::route::{Deliberation, Event, Health, Pause, Plan, Run, RunOptions};
use hybridge_core::{Message, Request, Role};

/// Depth five: a tail, a choice, a tail, and a choice of a callback, sizes and capabilities.
const TREE: &str = r#"{"keys":["device","cloud"],"strategyName":"bench","strategy":
    {"withFallback":{"fallbackOrder":["cloud"],"inner":
        {"firstMatch":{"children":[
            {"custom":{"leaf":0,"name":"mine"}},
            {"withFallback":{"fallbackOrder":["device"],"inner":
                {"firstMatch":{"children":[
                    {"connectivity":{"leaf":1,"online":"","offline":"device"}},
                    {"firstMatch":{"children":[
                        {"capability":{"supports":[["device",[]]]}},
                        {"fallback":{"order":["device","cloud"]}}]}}]}}}}]}}}}}"#;

/// Ordinary prose with numbers and punctuation but no personal data, so that every detector reads
/// to the end.
fn prose(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 128);
    let mut line = 0_u32;
    while text.len() < bytes {
        line += 1;
        let _ = writeln!(
            text,
            "{line}. In chapter {} the Author says, quite plainly: do not trust a sum of {}.50 before you have counted it.",
            line % 40,
            line % 1000
        );
    }
    text
}

/// Text that keeps detectors busy: many beginnings of matches, without ends.
fn hostile(bytes: usize) -> String {
    let piece = "a.b@c.d@ 1 2 3 4 5 6 7 0 0 DE89 3704 00 sk-aaaaaaaa born born 1.2.3 f::f::g -----BEGIN x eyJeyJ.eyJ api_key= ";
    piece.repeat(bytes / piece.len() + 1)
}

fn asking(text: String) -> Request {
    Request { messages: vec![Message::text(Role::User, text)], ..Request::default() }
}

fn decide(criterion: &mut Criterion) {
    let plan = Plan::parse(TREE).expect("the tree is well formed");
    let health = Health::new(2);
    let request =
        r#"{"messages":[{"role":"user","content":[{"text":"What is the capital of France?"}]}]}"#;
    let ready = || {
        let mut deliberation = Deliberation::default();
        for answer in ["null", "true", request] {
            assert!(matches!(deliberation.route(&plan, &health), Err(Pause::Ask(_))));
            deliberation.answer(answer).expect("the answer is well formed");
        }
        deliberation
    };
    criterion.bench_function("decide: tree five deep, facts known", |bencher| {
        let mut deliberation = ready();
        bencher.iter(|| deliberation.route(black_box(&plan), &health).is_ok());
    });
    criterion.bench_function("decide: tree five deep, with its three questions", |bencher| {
        bencher.iter_batched(
            || (),
            |()| ready().route(&plan, &health).is_ok(),
            BatchSize::SmallInput,
        );
    });
    criterion.bench_function("run: start to first action, no questions", |bencher| {
        let plan = Plan::parse(
            r#"{"keys":["device","cloud"],"strategyName":"x","strategy":{"fallback":{"order":["device","cloud"]}}}"#,
        )
        .expect("the tree is well formed");
        bencher.iter_batched(
            || (Run::new(RunOptions::default()), Health::new(2)),
            |(mut run, mut health)| run.feed(Event::Started, 0.0, &plan, &mut health),
            BatchSize::SmallInput,
        );
    });
}

fn detect(criterion: &mut Criterion) {
    const BYTES: usize = 10 * 1024 * 1024;
    let mut group = criterion.benchmark_group("detect: 10 MB through all detectors");
    group.throughput(Throughput::Bytes(BYTES as u64)).sample_size(10);
    for (name, text) in [("prose", prose(BYTES)), ("hostile", hostile(BYTES))] {
        let request = asking(text);
        assert!(
            kinds_in(&request).is_empty(),
            "every detector must read to the end: {:?}",
            kinds_in(&request)
        );
        group.bench_function(name, |bencher| bencher.iter(|| kinds_in(black_box(&request))));
    }
    group.finish();
}

criterion_group!(benches, decide, detect);
criterion_main!(benches);
