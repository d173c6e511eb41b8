//! The router for JavaScript: a synchronous interface to `hybridge_core::route`, with JSON in both
//! directions. No borrow outlives a call, so a callback may call the model again.

use std::cell::RefCell;
use std::rc::Rc;

use hybridge_core::route::{
    self, Action, BranchFacts, Deliberation, Event, Health, Heard, Pause, Plan, Recalled,
    RunOptions, Summary,
};
use hybridge_core::{Error, Result, parse_json};
use serde::Serialize;
use wasm_bindgen::prelude::wasm_bindgen;

/// A hybrid: its plan and the health of its branches.
#[wasm_bindgen]
#[derive(Clone, Debug)]
pub struct Hybrid {
    plan: Rc<Plan>,
    health: Rc<RefCell<Health>>,
}

#[wasm_bindgen]
impl Hybrid {
    /// Reads a plan. Throws our error as JSON.
    #[wasm_bindgen(constructor)]
    pub fn new(plan: &str) -> Result<Self, String> {
        let plan = Plan::parse(plan).map_err(|error| json(&error))?;
        let health = Health::new(plan.keys.len());
        Ok(Self { plan: Rc::new(plan), health: Rc::new(RefCell::new(health)) })
    }

    /// Returns the public health report of every branch: `[[key, health], …]`. `facts` are the
    /// branches' facts.
    pub fn health(&self, facts: &str, now: f64) -> String {
        let facts = BranchFacts::list(facts).unwrap_or_default();
        let health = self.health.borrow();
        let report = self.plan.keys.iter().enumerate().map(|(branch, key)| {
            let nothing = BranchFacts::default();
            let facts = facts.iter().find(|it| it.key == *key).unwrap_or(&nothing);
            (key, health.report(branch, facts, now))
        });
        json(&report.collect::<Vec<_>>())
    }

    /// Sets the branches' health from public reports, `[[key, health], …]`, for a strategy that
    /// is evaluated on its own.
    pub fn recall(&self, reports: &str) {
        for (key, report) in Recalled::list(reports) {
            if let Some(branch) = self.plan.keys.iter().position(|it| *it == key) {
                self.health.borrow_mut().recall(branch, &report);
            }
        }
    }

    /// Starts a decision without a run.
    pub fn consider(&self) -> Consideration {
        Consideration { hybrid: self.clone(), deliberation: RefCell::default() }
    }

    /// Starts a run. `options` are the properties of the request that are known from the start.
    pub fn run(&self, options: &str) -> Run {
        let options = RunOptions::parse(options);
        Run {
            hybrid: self.clone(),
            run: RefCell::new(route::Run::new(options)),
            waiting: RefCell::default(),
        }
    }
}

/// A decision in progress, as used by `explain()` and a strategy's own `route()`.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Consideration {
    hybrid: Hybrid,
    deliberation: RefCell<Deliberation>,
}

/// The state of a decision.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Step<T> {
    Ask(route::Question),
    Done(T),
    Fail(Error),
}

#[wasm_bindgen]
impl Consideration {
    /// Answers the last question, as JSON.
    pub fn answer(&self, answer: &str) -> Option<String> {
        self.deliberation
            .borrow_mut()
            .answer(answer)
            .err()
            .map(|error| json(&Step::<()>::Fail(error)))
    }

    /// Returns the next question, or the strategy's own decision.
    pub fn opinion(&self) -> String {
        let health = self.hybrid.health.borrow();
        step(self.deliberation.borrow_mut().opinion(&self.hybrid.plan, &health))
    }

    /// Returns the next question, or the route.
    pub fn route(&self) -> String {
        let health = self.hybrid.health.borrow();
        step(self.deliberation.borrow_mut().route(&self.hybrid.plan, &health))
    }
}

/// One request's run through the branches. Each method takes an event and returns the actions to
/// run, as JSON, or nothing if there are none.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Run {
    hybrid: Hybrid,
    run: RefCell<route::Run>,
    waiting: RefCell<Option<String>>,
}

#[wasm_bindgen]
impl Run {
    /// Starts the run.
    pub fn start(&self, now: f64) -> Option<String> {
        self.feed(Event::Started, now)
    }

    /// Answers the last question, as JSON.
    pub fn answer(&self, answer: &str, now: f64) -> Option<String> {
        self.feed(Event::Answered(answer), now)
    }

    /// Handles a chunk from a branch: its characters of text and of reasoning, and the number of
    /// its other parts.
    ///
    /// This is called for every token, so it returns a number: 0 for no action, 1 for showing this
    /// attempt only, 2 if actions wait in `waiting`.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "an optional slice cannot cross the boundary"
    )]
    pub fn chunk(
        &self,
        attempt: usize,
        text: u32,
        reasoning: u32,
        other: u32,
        logprobs: Option<Vec<f64>>,
        now: f64,
    ) -> u32 {
        let logprobs = logprobs.as_deref().unwrap_or_default();
        let heard = Heard { text, reasoning, other };
        let actions = self.actions(Event::Spoke { attempt, heard, logprobs }, now);
        match actions.as_slice() {
            [] => 0,
            [Action::Show { attempt: shown }] if *shown == attempt => 1,
            _ => {
                self.waiting.replace(Some(json(&actions)));
                2
            }
        }
    }

    /// Returns the waiting actions after `chunk` returned 2.
    pub fn waiting(&self) -> Option<String> {
        self.waiting.take()
    }

    /// Handles a branch's complete answer; `summary` is its usage and confidence.
    pub fn finished(&self, attempt: usize, summary: &str, now: f64) -> Option<String> {
        self.feed(Event::Finished { attempt, summary: Summary::parse(summary) }, now)
    }

    /// Handles a branch's failure; `routing` is its own trace if the branch is a router.
    pub fn failed(
        &self,
        attempt: usize,
        error: &str,
        routing: Option<String>,
        now: f64,
    ) -> Option<String> {
        let error = Error::parse(error);
        let routing = routing.and_then(|it| parse_json(&it, "a trace").ok());
        self.feed(Event::Failed { attempt, error, routing }, now)
    }

    /// Handles the result of `accept`. Anything but true and false is the caller's mistake.
    pub fn judged(&self, is_good: bool, now: f64) -> Option<String> {
        self.feed(Event::Judged(is_good), now)
    }

    /// Handles the timer.
    pub fn woke(&self, now: f64) -> Option<String> {
        self.feed(Event::Woke, now)
    }

    /// Handles the caller's abort.
    pub fn aborted(&self, now: f64) -> Option<String> {
        self.feed(Event::Aborted, now)
    }

    /// Handles an exception from a callback.
    #[wasm_bindgen(js_name = callerThrew)]
    pub fn caller_threw(&self, now: f64) -> Option<String> {
        self.feed(Event::CallerThrew, now)
    }

    fn feed(&self, event: Event<'_>, now: f64) -> Option<String> {
        let actions = self.actions(event, now);
        if actions.is_empty() { None } else { Some(json(&actions)) }
    }

    fn actions(&self, event: Event<'_>, now: f64) -> Vec<Action> {
        let mut health = self.hybrid.health.borrow_mut();
        self.run.borrow_mut().feed(event, now, &self.hybrid.plan, &mut health)
    }
}

/// Joins a text and its continuation by another branch, dropping the overlap.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Seam(RefCell<route::Seam>);

#[wasm_bindgen]
impl Seam {
    /// Creates a seam after `before`; with `exact`, the model continues the text token by token.
    #[wasm_bindgen(constructor)]
    pub fn new(before: &str, exact: bool) -> Self {
        Self(RefCell::new(route::Seam::new(before, exact)))
    }

    /// Takes the next chunk and returns its new text.
    pub fn push(&self, piece: &str) -> String {
        self.0.borrow_mut().push(piece)
    }

    /// Returns the new part of the held text, at the end of the stream.
    pub fn end(&self) -> String {
        self.0.borrow_mut().end()
    }

    /// Whether all further text is new.
    #[wasm_bindgen(js_name = isPassed)]
    pub fn is_passed(&self) -> bool {
        self.0.borrow().is_passed()
    }

    /// Returns how many UTF-16 code units at the beginning of the continuation were dropped.
    pub fn dropped(&self) -> usize {
        self.0.borrow().dropped()
    }
}

fn step<T: Serialize>(found: Result<T, Pause>) -> String {
    json(&match found {
        Ok(found) => Step::Done(found),
        Err(Pause::Ask(question)) => Step::Ask(question),
        Err(Pause::Fail(error)) => Step::Fail(error),
    })
}

/// The actions contain no maps with non-string keys, so serialisation cannot fail.
fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
