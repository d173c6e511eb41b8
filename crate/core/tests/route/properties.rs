//! Properties of the router for random strategy trees, branches and clocks.
//!
//! `HYBRIDGE_CASES=1000000` runs more than the usual ten thousand. A failure prints the smallest
//! case and the seed: `HYBRIDGE_SEED=n` repeats that run.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed};

use super::naive::{Behaviour, Outcome, Tree, World, outcome};
use hybridge_core::Status;
use hybridge_core::route::{
    Action, Event, Health, Heard, Outcome as Ended, Plan, Question, Run, RunOptions, Summary,
};
use hybridge_core::{Confidence, Error};

const KEYS: [&str; 4] = ["a", "b", "c", "d"];

fn keys() -> Vec<String> {
    KEYS.iter().map(|&it| it.to_owned()).collect()
}

fn config() -> Config {
    let told = |name: &str| std::env::var(name).ok().and_then(|it| it.parse::<u64>().ok());
    let now = std::time::UNIX_EPOCH.elapsed().map_or(0, |it| u64::from(it.subsec_nanos()));
    let seed = told("HYBRIDGE_SEED").unwrap_or(now);
    // Printed if a test fails.
    println!("HYBRIDGE_SEED={seed}");
    Config {
        cases: told("HYBRIDGE_CASES").map_or(10_000, |it| u32::try_from(it).unwrap_or(u32::MAX)),
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Config::default()
    }
}

// ── Random cases ──

/// Usually an existing branch.
fn key() -> impl Strategy<Value = String> + Clone {
    prop_oneof![60 => select(&KEYS[..]), 1 => Just("unknown")].prop_map(str::to_owned)
}

fn some_keys(most: usize) -> impl Strategy<Value = Vec<String>> + Clone {
    prop::collection::vec(key(), 0..=most)
}

fn tree() -> impl Strategy<Value = Tree> {
    let allow = prop::option::weighted(0.3, some_keys(3));
    let leaf = prop_oneof![
        3 => (some_keys(3), allow).prop_map(|(order, allow)| Tree::Custom(order, allow)),
        1 => some_keys(4).prop_map(Tree::Fallback),
        1 => (any::<bool>(), key(), key()).prop_map(|(yes, a, b)| Tree::Connectivity(yes, a, b)),
        1 => (any::<bool>(), key(), key()).prop_map(|(yes, a, b)| Tree::Cost(yes, a, b)),
        1 => (key(), key()).prop_map(|(a, b)| Tree::Ready(a, b)),
        1 => (key(), key()).prop_map(|(a, b)| Tree::Device(a, b)),
        1 => (0..20_u32, key(), key()).prop_map(|(at, a, b)| Tree::InputSize(at, a, b)),
        2 => key().prop_map(Tree::Privacy),
    ];
    leaf.prop_recursive(5, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Tree::FirstMatch),
            (inner, some_keys(4))
                .prop_map(|(inner, tail)| Tree::WithFallback(Box::new(inner), tail)),
        ]
    })
}

fn world() -> impl Strategy<Value = World> {
    (any::<bool>(), any::<bool>(), 15..20_u32, prop::collection::btree_set(key(), 0..4)).prop_map(
        |(has_gpu, is_sensitive, size, ready)| World { has_gpu, is_sensitive, size, ready },
    )
}

fn behaviour() -> impl Strategy<Value = Behaviour> {
    let fails = prop_oneof![
        3 => Just(None),
        4 => select(&Status::TRANSIENT[..]).prop_map(Some),
        1 => select(&Status::ALL[..]).prop_map(Some),
    ];
    (prop::collection::vec(any::<bool>(), 0..3), fails)
        .prop_map(|(chunks, fails)| Behaviour { chunks, fails })
}

// ── Running them ──

struct Setting {
    plan: Plan,
    leaves: Vec<serde_json::Value>,
    request: String,
    world: World,
}

fn setting(tree: &Tree, world: &World, more: &str) -> Setting {
    let mut leaves = Vec::new();
    let described = tree.describe(&mut leaves);
    let plan = format!(
        r#"{{"keys":["a","b","c","d"],"strategy":{described},"strategyName":"random"{more}}}"#
    );
    let mut text = if world.is_sensitive { "a@bc.org ".to_owned() } else { String::new() };
    while text.len() < world.size as usize {
        text.push('x');
    }
    let request = format!(r#"{{"messages":[{{"role":"user","content":[{{"text":"{text}"}}]}}]}}"#);
    Setting { plan: Plan::parse(&plan).unwrap(), leaves, request, world: world.clone() }
}

impl Setting {
    fn answer(&self, question: &Question) -> String {
        match question {
            Question::Leaf(leaf) => self.leaves[*leaf].to_string(),
            Question::Request => self.request.clone(),
            Question::Device => format!(r#"{{"webgpu":{{"available":{}}}}}"#, self.world.has_gpu),
            Question::Branches => {
                let branches = KEYS.iter().map(|key| {
                    let state = if self.world.ready.contains(*key) { "ready" } else { "loading" };
                    format!(r#"{{"key":"{key}","state":"{state}"}}"#)
                });
                format!("[{}]", branches.collect::<Vec<_>>().join(","))
            }
            Question::Tokens(_) => "null".to_owned(),
        }
    }
}

/// Runs a request through branches with scripted behaviour, one after the other.
fn play(setting: &Setting, is_streaming: bool, behaviour: impl Fn(usize) -> Behaviour) -> Outcome {
    let mut health = Health::new(4);
    let mut run = Run::new(RunOptions { streaming: is_streaming, ..RunOptions::default() });
    let mut found = Outcome::default();
    let mut actions = run.feed(Event::Started, 0.0, &setting.plan, &mut health);
    while let Some(action) = actions.pop() {
        let mut feed = |event| actions.extend(run.feed(event, 0.0, &setting.plan, &mut health));
        match action {
            Action::Ask { question } => feed(Event::Answered(&setting.answer(&question))),
            Action::Start { attempt, branch, .. } => {
                found.tried.push(branch);
                let Behaviour { chunks, fails } = behaviour(found.tried.len() - 1);
                for has_content in chunks {
                    let heard = Heard { text: u32::from(has_content), ..Heard::default() };
                    feed(Event::Spoke { attempt, heard, logprobs: &[] });
                }
                feed(match fails {
                    None => Event::Finished { attempt, summary: Summary::default() },
                    Some(status) => Event::Failed {
                        attempt,
                        error: Error::new(status, "random"),
                        routing: None,
                    },
                });
            }
            Action::Finish { attempt, trace, .. } => {
                found.ended = Some(Ok(trace.attempts[attempt].branch.clone()));
            }
            Action::Fail { error, .. } => found.ended = Some(Err(error.status)),
            Action::Show { .. }
            | Action::Extend { .. }
            | Action::Stop { .. }
            | Action::Wake { .. }
            | Action::Judge { .. } => {}
        }
    }
    found
}

/// An event at a random time, whatever the run's state.
#[derive(Clone, Debug)]
enum Happening {
    Says(usize, bool, Vec<f64>),
    Finishes(usize),
    Fails(usize, Status),
    Judged(bool),
    Time(f64),
    Aborted,
    CallerThrew,
}

fn happening() -> impl Strategy<Value = Happening> {
    let which = 0..4_usize;
    prop_oneof![
        6 => (which.clone(), any::<bool>(), prop::collection::vec(-3.0..0.0, 0..3))
            .prop_map(|(at, content, logprobs)| Happening::Says(at, content, logprobs)),
        3 => which.clone().prop_map(Happening::Finishes),
        5 => (which, select(&Status::TRANSIENT[..]))
            .prop_map(|(at, status)| Happening::Fails(at, status)),
        2 => any::<bool>().prop_map(Happening::Judged),
        6 => (1.0..80.0).prop_map(Happening::Time),
        1 => Just(Happening::Aborted),
        1 => Just(Happening::CallerThrew),
    ]
}

fn more() -> impl Strategy<Value = String> {
    let judge =
        select(&["", r#","judge":"accept""#, r#","judge":{"threshold":-1.5,"holdTokens":3}"#][..]);
    let policy = select(
        &[
            "",
            r#","policy":{"hedgeAfterMs":20}"#,
            r#","policy":{"firstTokenTimeoutMs":50,"idleTimeoutMs":30,"totalTimeoutMs":120}"#,
            r#","policy":{"hedgeAfterMs":20,"firstTokenTimeoutMs":50,"breaker":{"failures":1,"cooldownMs":40}}"#,
        ][..],
    );
    (judge, policy).prop_map(|(judge, policy)| format!("{judge}{policy}"))
}

proptest! {
    #![proptest_config(config())]

    /// The order, the outcome and the error agree with the naive rules.
    #[test]
    fn the_router_agrees_with_the_naive_rules(
        tree in tree(),
        world in world(),
        is_streaming in any::<bool>(),
        behaviours in prop::collection::vec(behaviour(), 1..6),
    ) {
        let behaviour = |attempt: usize| behaviours[attempt % behaviours.len()].clone();
        // The prompt has the stated length, and more if it contains an address.
        let expected = outcome(tree.opinion(&world, &keys()), &keys(), is_streaming, behaviour);
        let found = play(&setting(&tree, &world, ""), is_streaming, behaviour);
        prop_assert_eq!(found, expected);
    }

    /// For events in any order: no branch outside the constraint runs, none starts after content or
    /// an abort, never more than two run, and finally everything has ended.
    #[test]
    fn no_sequence_of_events_breaks_an_invariant(
        tree in tree(),
        world in world(),
        is_streaming in any::<bool>(),
        more in more(),
        stay in prop::option::weighted(0.3, key()),
        continues in any::<bool>(),
        happenings in prop::collection::vec(happening(), 0..24),
    ) {
        let setting = setting(&tree, &world, &more);
        let allow = tree.opinion(&world, &keys()).1;
        let mut health = Health::new(4);
        let stays = stay.filter(|key| {
            KEYS.contains(&key.as_str()) && allow.as_ref().is_none_or(|allow| allow.contains(key))
        });
        let options = RunOptions {
            streaming: is_streaming,
            stay: stays.clone(),
            continues,
            ..RunOptions::default()
        };
        let mut run = Run::new(options);
        let mut first = None;
        let mut watch = Watch::default();
        let mut now = 1000.0;
        let mut alarm = f64::INFINITY;
        let happenings = happenings.iter().map(Some).chain([None]);
        let mut events: Vec<Option<&Happening>> = happenings.collect();
        events.reverse();
        let mut actions = run.feed(Event::Started, now, &setting.plan, &mut health);
        loop {
            while !actions.is_empty() {
                let action = actions.remove(0);
                if let Action::Ask { question } = &action {
                    let answer = setting.answer(question);
                    let event = Event::Answered(&answer);
                    actions.extend(run.feed(event, now, &setting.plan, &mut health));
                    continue;
                }
                if let Action::Wake { at } = &action {
                    alarm = *at;
                }
                if let Action::Start { branch, .. } = &action {
                    first.get_or_insert_with(|| branch.clone());
                }
                watch.see(&action, allow.as_ref())?;
            }
            let Some(event) = events.pop() else { break };
            let target = |at: usize| watch.live.iter().copied().nth(at % 2).unwrap_or(at);
            actions = match event {
                // Finally the caller aborts, if nothing else has ended the run.
                None | Some(Happening::Aborted) => {
                    watch.is_aborted = true;
                    run.feed(Event::Aborted, now, &setting.plan, &mut health)
                }
                Some(Happening::CallerThrew) => {
                    watch.is_aborted = true;
                    run.feed(Event::CallerThrew, now, &setting.plan, &mut health)
                }
                Some(Happening::Says(at, content, logprobs)) => {
                    let heard = Heard { text: u32::from(*content), ..Heard::default() };
                    let event = Event::Spoke { attempt: target(*at), heard, logprobs };
                    run.feed(event, now, &setting.plan, &mut health)
                }
                Some(Happening::Finishes(at)) => {
                    let attempt = target(*at);
                    watch.live.remove(&attempt);
                    let event = Event::Finished { attempt, summary: Summary::default() };
                    run.feed(event, now, &setting.plan, &mut health)
                }
                Some(Happening::Fails(at, status)) => {
                    let attempt = target(*at);
                    watch.live.remove(&attempt);
                    let error = Error::new(*status, "random");
                    let event = Event::Failed { attempt, error, routing: None };
                    run.feed(event, now, &setting.plan, &mut health)
                }
                Some(Happening::Judged(is_good)) => {
                    run.feed(Event::Judged(*is_good), now, &setting.plan, &mut health)
                }
                Some(Happening::Time(time)) => {
                    now += time;
                    if alarm <= now {
                        alarm = f64::INFINITY;
                        run.feed(Event::Woke, now, &setting.plan, &mut health)
                    } else {
                        Vec::new()
                    }
                }
            };
        }
        if let (Some(first), Some(stays)) = (&first, &stays) {
            prop_assert_eq!(first, stays, "results of tools go to whoever called");
        }
        prop_assert!(run.is_over() && watch.ends == 1, "a run ends, once: {}", watch.ends);
        prop_assert!(watch.live.is_empty(), "every attempt has ended: {:?}", watch.live);
        for branch in 0..4 {
            prop_assert_eq!(health.report(branch, &Default::default(), now).queued, 0);
        }
    }
}

proptest! {
    #![proptest_config(Config { cases: 1000, ..config() })]

    /// Held text is judged in the same way, however it is cut into chunks.
    #[test]
    fn the_gate_is_independent_of_chunk_boundaries(
        logprobs in prop::collection::vec(-3.0..0.0, 1..40),
        cuts in prop::collection::vec(1..5_usize, 40),
        hold in 1..12_usize,
    ) {
        let tree = Tree::Fallback(vec!["a".into(), "b".into()]);
        let world = World { has_gpu: false, is_sensitive: false, size: 0, ready: BTreeSet::new() };
        let more = format!(r#","judge":{{"threshold":-1.5,"score":"mean","holdTokens":{hold}}}"#);
        let setting = setting(&tree, &world, &more);
        let mut health = Health::new(4);
        let mut run = Run::new(RunOptions { streaming: true, ..RunOptions::default() });
        run.feed(Event::Started, 0.0, &setting.plan, &mut health);
        let mut rest = logprobs.as_slice();
        let mut actions = Vec::new();
        for cut in cuts {
            let (head, tail) = rest.split_at(cut.min(rest.len()));
            rest = tail;
            if !head.is_empty() {
                let heard = Heard { text: 1, ..Heard::default() };
                let event = Event::Spoke { attempt: 0, heard, logprobs: head };
                actions.extend(run.feed(event, 0.0, &setting.plan, &mut health));
            }
        }
        let event = Event::Finished { attempt: 0, summary: Summary::default() };
        actions.extend(run.feed(event, 0.0, &setting.plan, &mut health));
        let judged = &logprobs[..hold.min(logprobs.len())];
        let is_sure = Confidence::of(judged).unwrap().mean_logprob >= -1.5;
        prop_assert_eq!(actions.iter().any(|it| matches!(it, Action::Show { .. })), is_sure);
        prop_assert_eq!(actions.iter().any(|it| matches!(it, Action::Start { .. })), !is_sure);
    }
}

/// Checks every action against the invariants.
#[derive(Default)]
struct Watch {
    live: BTreeSet<usize>,
    shown: BTreeSet<usize>,
    is_aborted: bool,
    ends: usize,
}

impl Watch {
    fn see(
        &mut self,
        action: &Action,
        allow: Option<&BTreeSet<String>>,
    ) -> Result<(), TestCaseError> {
        prop_assert_eq!(self.ends, 0, "nothing follows the end: {:?}", action);
        match action {
            Action::Start { attempt, branch, .. } => {
                prop_assert!(
                    allow.is_none_or(|it| it.contains(branch)),
                    "{} is not allowed",
                    branch
                );
                prop_assert!(
                    self.shown.is_empty(),
                    "content was delivered, and {} was started",
                    branch
                );
                prop_assert!(!self.is_aborted, "it was aborted, and {} was started", branch);
                self.live.insert(*attempt);
                prop_assert!(self.live.len() <= 2, "more than two at once");
            }
            Action::Stop { attempt, .. } => {
                prop_assert!(self.live.remove(attempt), "{} was stopped, and did not run", attempt);
            }
            Action::Show { attempt } => {
                self.shown.insert(*attempt);
                prop_assert_eq!(self.shown.len(), 1, "content of two branches was shown");
            }
            Action::Finish { trace, .. } | Action::Fail { trace, .. } => {
                self.ends += 1;
                prop_assert!(trace.attempts.iter().all(|it| it.outcome.is_some()), "{:?}", trace);
                let answers =
                    trace.attempts.iter().filter(|it| it.outcome == Some(Ended::Answered));
                prop_assert_eq!(
                    answers.count(),
                    usize::from(matches!(action, Action::Finish { .. }))
                );
            }
            // Only content that was shown before a failure is continued.
            Action::Extend { attempt } => {
                prop_assert!(self.shown.remove(attempt), "{} was not shown", attempt);
                prop_assert!(!self.live.contains(attempt), "{} runs on", attempt);
            }
            Action::Ask { .. } | Action::Wake { .. } | Action::Judge { .. } => {}
        }
        Ok(())
    }
}
