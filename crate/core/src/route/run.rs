//! One request's run through the branches. The module above has a diagram.

mod continuation;

use serde_json::{Map, Value};

use super::action::{Action, Event, Heard, StopReason, Summary};
use super::attempt::Live;
use super::deliberation::{Deliberation, Route};
use super::gate::Verdict;
use super::health::{Health, Pace};
use super::inputs::Pause;
use super::plan::{Acceptance, Plan, wants_reasoning};
use super::trace::{Attempt, NotContinued, Outcome, Trace};
use crate::json::{self, Fields};
use crate::{Confidence, Error, Status};
use continuation::Partial;

/// The properties of a request that are known from the start.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// The run's ID, for the trace.
    pub id: String,
    /// Whether the caller streams.
    pub streaming: bool,
    /// The request's options that decide what counts as content.
    pub config: Map<String, Value>,
    /// The branch whose tool calls the request answers.
    pub stay: Option<String>,
    /// The branches that may see the request, if the caller restricts them.
    pub allow: Option<Vec<String>>,
    /// Whether another branch may continue an answer that broke off.
    pub continues: bool,
    /// Whether the answer must be JSON.
    pub wants_json: bool,
}

impl RunOptions {
    /// Reads the properties of a request.
    #[must_use]
    pub fn parse(json: &str) -> Self {
        let json = json::parse(json, "the request").unwrap_or_default();
        let mut fields = Fields::of("the request", json);
        Self {
            id: fields.required_text("id"),
            streaming: fields.flag("streaming").unwrap_or_default(),
            config: fields.map("config").unwrap_or_default(),
            stay: fields.text("stay"),
            allow: fields.texts("allow"),
            continues: fields.text("continueFrom").is_some(),
            wants_json: fields.flag("wantsJson").unwrap_or_default(),
        }
    }
}

/// One request's run through the branches: takes events and returns actions.
#[derive(Debug)]
pub struct Run {
    options: RunOptions,
    stage: Stage,
    deliberation: Deliberation,
    route: Option<Route>,
    /// The position in the order.
    used: usize,
    /// Running attempts, at most two: a hedge is a second branch besides the first.
    live: Vec<Live>,
    attempts: Vec<Attempt>,
    /// The attempt whose content the caller has seen, after which no other is started.
    committed: Option<usize>,
    /// The answer that broke off and is to be continued.
    partial: Option<Partial>,
    /// The last answer rejected by `accept` or the gate, returned if every later branch fails.
    rejected: Option<(usize, Option<Confidence>)>,
    /// The last failure, reported if there is no answer.
    failure: Option<(Option<usize>, Error)>,
    /// When the timer fires.
    alarm: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Deciding,
    /// The strategy decides again, about the request with the text so far.
    Reconsidering,
    Running,
    /// `accept` is judging this attempt's answer.
    Judging {
        attempt: usize,
        confidence: Option<Confidence>,
    },
    Over,
}

/// The inputs of one call of `Run::feed`, and the actions that it collects.
struct FeedContext<'a> {
    plan: &'a Plan,
    health: &'a mut Health,
    now: f64,
    actions: Vec<Action>,
}

/// The gate's verdict about an attempt.
enum Passed {
    Waiting,
    Through,
    Refused,
}

impl Run {
    /// Creates a run that has not begun.
    #[must_use]
    pub fn new(options: RunOptions) -> Self {
        Self {
            options,
            stage: Stage::Deciding,
            deliberation: Deliberation::default(),
            route: None,
            used: 0,
            live: Vec::new(),
            attempts: Vec::new(),
            committed: None,
            partial: None,
            rejected: None,
            failure: None,
            alarm: None,
        }
    }

    /// Whether the run is over. Later events have no effect.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// Handles an event and returns the actions to run. `now` never decreases.
    pub fn feed(
        &mut self,
        event: Event<'_>,
        now: f64,
        plan: &Plan,
        health: &mut Health,
    ) -> Vec<Action> {
        let mut context = FeedContext { plan, health, now, actions: Vec::new() };
        match (self.stage, event) {
            (Stage::Over, _) => {}
            (_, Event::Aborted) => self.aborted(&mut context),
            (_, Event::CallerThrew) => self.abandoned(&mut context),
            (Stage::Deciding, Event::Started) => self.decide(&mut context),
            (Stage::Deciding, Event::Answered(json)) => match self.deliberation.answer(json) {
                Ok(()) => self.decide(&mut context),
                Err(error) => self.fail(None, error, &mut context),
            },
            (Stage::Reconsidering, Event::Answered(json)) => match self.deliberation.answer(json) {
                Ok(()) => self.reconsider(&mut context),
                Err(error) => {
                    self.leave_broken(NotContinued::NotAllowed, Some(error), &mut context);
                }
            },
            (Stage::Running, Event::Spoke { attempt, heard, logprobs }) => {
                self.spoke(attempt, heard, logprobs, &mut context);
            }
            (Stage::Running, Event::Finished { attempt, summary }) => {
                self.finished(attempt, summary, &mut context);
            }
            (Stage::Running, Event::Failed { attempt, error, routing }) => {
                if let Some(entry) = self.attempts.get_mut(attempt) {
                    entry.routing = routing;
                }
                self.failed(attempt, error, &mut context);
            }
            (Stage::Judging { attempt, confidence }, Event::Judged(is_good)) => {
                if is_good {
                    self.finish(attempt, confidence, &mut context);
                } else {
                    self.rejected = Some((attempt, confidence));
                    self.reject(attempt, "accept returned false", &mut context);
                }
            }
            (Stage::Running, Event::Woke) => self.woke(&mut context),
            // A timer that fires while `accept` is pending is used up, so the next deadline needs a
            // new one.
            (_, Event::Woke) => self.alarm = None,
            // This event is not expected in this stage, so it came too late.
            _ => {}
        }
        self.set_alarm(&mut context);
        context.actions
    }

    // ── Deciding ─────────────────────────────────────────────────────────────────────────────────

    fn decide(&mut self, context: &mut FeedContext<'_>) {
        match self.deliberation.route(context.plan, context.health) {
            Ok(mut route) => {
                if let Some(Err(error)) =
                    self.options.allow.as_ref().map(|allow| route.constrain(allow, context.plan))
                {
                    return self.fail(None, error, context);
                }
                if let Some(branch) = &self.options.stay {
                    route.stay(branch, context.plan);
                }
                self.route = Some(route);
                self.stage = Stage::Running;
                self.advance(context);
            }
            Err(Pause::Ask(question)) => context.actions.push(Action::Ask { question }),
            Err(Pause::Fail(error)) => self.fail(None, error, context),
        }
    }

    // ── Moving along the order ───────────────────────────────────────────────────────────────────

    /// Starts the next eligible branch; fails the run if there is none.
    fn advance(&mut self, context: &mut FeedContext<'_>) {
        if !self.start_next(context) {
            let (attempt, error) = self.failure.take().unwrap_or_else(|| {
                (None, Error::internal("the order ended without an answer and without a failure"))
            });
            self.give_up(attempt, error, context);
        }
    }

    /// Starts the next eligible branch, and returns whether there was one.
    fn start_next(&mut self, context: &mut FeedContext<'_>) -> bool {
        self.stage = Stage::Running;
        while let Some(branch) = self.upcoming() {
            self.used += 1;
            let attempt = self.attempts.len();
            self.attempts.push(Attempt {
                branch: context.plan.key(branch).to_owned(),
                outcome: None,
                status: None,
                message: None,
                started_at_ms: context.now,
                first_token_ms: None,
                duration_ms: 0.0,
                usage: None,
                confidence: None,
                device: None,
                routing: None,
                continued: None,
                not_continued: None,
            });
            if let Some(error) = context.health.closed_by(branch, context.now) {
                self.note(attempt, Outcome::Skipped, Some(&error));
                // A real failure is more informative than a skipped branch.
                self.failure.get_or_insert((None, error));
                continue;
            }
            self.start(attempt, branch, context);
            return true;
        }
        false
    }

    fn start(&mut self, attempt: usize, branch: usize, context: &mut FeedContext<'_>) {
        let key = context.plan.key(branch);
        let is_last = self.upcoming().is_none();
        // The continuation of an answer that is already shown is not held back.
        let is_gated = matches!(context.plan.acceptance, Acceptance::Confidence(_))
            && !is_last
            && self.partial.is_none();
        // An answer that is judged as a whole need not be streamed.
        let shows = self.options.streaming && context.plan.acceptance != Acceptance::Accept;
        let patience = context.plan.default_patience_ms(branch).filter(|_| !is_last);
        let listens = context.plan.policy(branch).listens() || patience.is_some();
        let streaming = shows || is_gated || listens;
        let probe = context.health.started(branch);
        let mut live = Live::new(attempt, branch, context.now);
        live.probe = probe;
        live.default_patience_ms = patience;
        live.streams = streaming;
        live.wants_reasoning = wants_reasoning(&self.options.config, key);
        live.is_open = !is_gated;
        self.live.push(live);
        if let Some(entry) = self.attempts.get_mut(attempt) {
            entry.continued = self.partial.as_ref().map(Partial::mark);
        }
        let allow = self.route.as_ref().and_then(|it| it.allow.clone());
        context.actions.push(Action::Start { attempt, branch: key.to_owned(), streaming, allow });
    }

    fn upcoming(&self) -> Option<usize> {
        self.route.as_ref()?.branches.get(self.used).copied()
    }

    // ── What branches do ─────────────────────────────────────────────────────────────────────────

    fn spoke(
        &mut self,
        attempt: usize,
        heard: Heard,
        logprobs: &[f64],
        context: &mut FeedContext<'_>,
    ) {
        let Some(live) = self.live.iter_mut().find(|it| it.attempt == attempt) else { return };
        let has_content = live.hear(heard, logprobs, context.now);
        let is_shown = self.committed == Some(attempt);
        if !has_content && !is_shown {
            return; // A preamble is held back, so it does not commit.
        }
        if !live.is_open {
            match self.pass_gate(attempt, false, None, context) {
                Passed::Waiting | Passed::Refused => return,
                Passed::Through => {}
            }
        }
        // The first branch with content wins.
        self.stop_others(attempt, StopReason::Overtaken, context);
        if self.options.streaming && context.plan.acceptance != Acceptance::Accept {
            self.committed = Some(attempt);
            context.actions.push(Action::Show { attempt });
        }
    }

    fn finished(&mut self, attempt: usize, summary: Summary, context: &mut FeedContext<'_>) {
        if !self.live.iter().any(|it| it.attempt == attempt) {
            return;
        }
        let confidence = self.reported_confidence(attempt, summary.confidence);
        if let Some(entry) = self.attempts.get_mut(attempt) {
            entry.usage = Some(summary.usage);
            entry.device = summary.device;
            entry.routing = summary.routing;
            entry.confidence = confidence;
        }
        if self.live.iter().any(|it| it.attempt == attempt && !it.is_open) {
            match self.pass_gate(attempt, true, summary.confidence, context) {
                Passed::Refused | Passed::Waiting => return,
                Passed::Through => {}
            }
        }
        let Some(live) = self.leave(attempt, context.now) else { return };
        let pace = Pace {
            first_token_ms: live.first.map(|first| first - live.started),
            duration_ms: context.now - live.started,
            usage: summary.usage,
            tokens_heard: live.logprobs.len() as u64,
        };
        context.health.answered(live.branch, live.probe, pace);
        self.stop_others(attempt, StopReason::Overtaken, context);
        if context.plan.acceptance == Acceptance::Accept && self.upcoming().is_some() {
            self.stage = Stage::Judging { attempt, confidence };
            self.note(attempt, Outcome::Answered, None);
            context.actions.push(Action::Judge { attempt, trace: self.trace(context) });
        } else {
            self.finish(attempt, confidence, context);
        }
    }

    fn failed(&mut self, attempt: usize, error: Error, context: &mut FeedContext<'_>) {
        let Some(live) = self.leave(attempt, context.now) else { return };
        if error.status == Status::Cancelled {
            context.health.stopped(live.branch, live.probe);
            self.note(attempt, Outcome::Stopped, Some(&error));
            return self.fail(Some(attempt), error, context);
        }
        let policy = context.plan.policy(live.branch);
        let moves_on = policy.falls_back_on(error.status);
        let breaker = policy.breaker.as_ref();
        context.health.failed((live.branch, live.probe), &error, moves_on, breaker, context.now);
        self.note(attempt, Outcome::Failed, Some(&error));
        if self.committed == Some(attempt) {
            return self.broke_off(&live, moves_on, error, context);
        }
        if !moves_on {
            return self.give_up(Some(attempt), error, context);
        }
        self.failure = Some((Some(attempt), error));
        // A running hedge already is the next branch.
        if self.live.is_empty() {
            self.advance(context);
        }
    }

    // ── Judging answers ──────────────────────────────────────────────────────────────────────────

    /// Checks an attempt against the confidence gate.
    fn pass_gate(
        &mut self,
        attempt: usize,
        is_over: bool,
        reported: Option<Confidence>,
        context: &mut FeedContext<'_>,
    ) -> Passed {
        let Acceptance::Confidence(gate) = &context.plan.acceptance else { return Passed::Through };
        let Some(live) = self.live.iter_mut().find(|it| it.attempt == attempt) else {
            return Passed::Refused;
        };
        let entry = self.attempts.get_mut(attempt);
        match gate.judge(&live.logprobs, is_over, reported) {
            Verdict::Hold => return Passed::Waiting,
            Verdict::Sure(_) => {}
            Verdict::Unreported => {
                if let Some(entry) = entry {
                    entry.message = Some("no log-probabilities reported, taken as sure".to_owned());
                }
            }
            Verdict::Unsure(confidence) => {
                if let Some(entry) = entry {
                    entry.confidence = Some(confidence);
                }
                let (branch, probe) = (live.branch, live.probe);
                self.leave(attempt, context.now);
                context.health.stopped(branch, probe);
                if is_over {
                    self.rejected = Some((attempt, Some(confidence)));
                } else {
                    context.actions.push(Action::Stop { attempt, reason: StopReason::Unsure });
                }
                self.reject(attempt, "not sure enough", context);
                return Passed::Refused;
            }
        }
        live.is_open = true;
        Passed::Through
    }

    /// Moves on to the next branch, because an answer was rejected.
    fn reject(&mut self, attempt: usize, why: &str, context: &mut FeedContext<'_>) {
        if let Some(entry) = self.attempts.get_mut(attempt) {
            entry.outcome = Some(Outcome::Rejected);
            entry.message = Some(why.to_owned());
        }
        if self.live.is_empty() {
            self.advance(context);
        }
    }

    /// Returns an attempt's confidence, as reported by the branch or computed from the tokens so
    /// far.
    fn reported_confidence(
        &self,
        attempt: usize,
        reported: Option<Confidence>,
    ) -> Option<Confidence> {
        let live = self.live.iter().find(|it| it.attempt == attempt);
        reported.or_else(|| Confidence::of(&live?.logprobs))
    }

    // ── Ending ───────────────────────────────────────────────────────────────────────────────────

    fn finish(
        &mut self,
        attempt: usize,
        confidence: Option<Confidence>,
        context: &mut FeedContext<'_>,
    ) {
        if let Some(entry) = self.attempts.get_mut(attempt) {
            entry.outcome = Some(Outcome::Answered);
        }
        self.stage = Stage::Over;
        if self.options.streaming && context.plan.acceptance != Acceptance::Accept {
            context.actions.push(Action::Show { attempt });
        }
        // Content that was held until the end has just been shown.
        let was_heard = self.attempts.get(attempt).is_some_and(|it| it.first_token_ms.is_some());
        let is_shown = was_heard && context.plan.acceptance != Acceptance::Accept;
        let whole = self.options.streaming && self.committed.is_none() && !is_shown;
        context.actions.push(Action::Finish {
            attempt,
            whole,
            confidence,
            trace: self.trace(context),
        });
    }

    /// Handles the end of the order. An answer that was rejected earlier is better than none.
    fn give_up(&mut self, attempt: Option<usize>, error: Error, context: &mut FeedContext<'_>) {
        // After an answer that was partly shown there can be no other.
        match self.rejected.take().filter(|_| self.committed.is_none()) {
            Some((rejected, confidence)) => {
                self.stop_all(StopReason::Overtaken, context);
                self.finish(rejected, confidence, context);
            }
            None => self.fail(attempt, error, context),
        }
    }

    fn fail(&mut self, attempt: Option<usize>, error: Error, context: &mut FeedContext<'_>) {
        self.stop_all(StopReason::Overtaken, context);
        self.stage = Stage::Over;
        context.actions.push(Action::Fail { attempt, error, trace: self.trace(context) });
    }

    fn aborted(&mut self, context: &mut FeedContext<'_>) {
        self.stop_all(StopReason::Aborted, context);
        if let Stage::Judging { attempt, .. } = self.stage {
            self.note(attempt, Outcome::Stopped, None);
        }
        self.fail(None, Error::cancelled(), context);
    }

    fn abandoned(&mut self, context: &mut FeedContext<'_>) {
        self.stop_all(StopReason::Aborted, context);
        if let Stage::Judging { attempt, .. } = self.stage {
            self.note(attempt, Outcome::Rejected, None);
        }
        self.fail(None, Error::invalid("a callback of the caller threw"), context);
    }

    fn stop_others(&mut self, winner: usize, reason: StopReason, context: &mut FeedContext<'_>) {
        let losers = self.live.iter().map(|it| it.attempt).filter(|&it| it != winner);
        for attempt in losers.collect::<Vec<_>>() {
            if let Some(live) = self.leave(attempt, context.now) {
                context.health.stopped(live.branch, live.probe);
                self.note(attempt, Outcome::Stopped, None);
                context.actions.push(Action::Stop { attempt, reason });
            }
        }
    }

    fn stop_all(&mut self, reason: StopReason, context: &mut FeedContext<'_>) {
        self.stop_others(usize::MAX, reason, context);
    }

    /// Removes an attempt from the running ones and records its times.
    fn leave(&mut self, attempt: usize, now: f64) -> Option<Live> {
        let at = self.live.iter().position(|it| it.attempt == attempt)?;
        let live = self.live.remove(at);
        if let Some(entry) = self.attempts.get_mut(attempt) {
            entry.duration_ms = now - live.started;
            entry.first_token_ms = live.first.map(|first| first - live.started);
        }
        Some(live)
    }

    fn note(&mut self, attempt: usize, outcome: Outcome, error: Option<&Error>) {
        if let Some(entry) = self.attempts.get_mut(attempt) {
            entry.outcome = Some(outcome);
            entry.status = error.map(|it| it.status).or(entry.status);
            entry.message =
                error.map(|it| it.message.clone().into_owned()).or(entry.message.take());
        }
    }

    fn trace(&self, context: &FeedContext<'_>) -> Trace {
        let route = self.route.as_ref();
        Trace {
            id: self.options.id.clone(),
            strategy: context.plan.strategy_name.clone(),
            order: route.map(|it| it.order.clone()).unwrap_or_default(),
            allow: route.and_then(|it| it.allow.clone()),
            reason: route.and_then(|it| it.reason.clone()),
            attempts: self.attempts.clone(),
        }
    }

    // ── Deadlines and hedges ─────────────────────────────────────────────────────────────────────

    fn woke(&mut self, context: &mut FeedContext<'_>) {
        self.alarm = None;
        let late = self.live.iter().find_map(|live| {
            let (at, what) = live.deadline(context.plan.policy(live.branch))?;
            (at <= context.now).then_some((live.attempt, what))
        });
        if let Some((attempt, what)) = late {
            context.actions.push(Action::Stop { attempt, reason: StopReason::Deadline });
            self.failed(attempt, Error::new(Status::DeadlineExceeded, what), context);
            if self.stage == Stage::Running {
                self.woke(context); // The other attempt may be late, too.
            }
            return;
        }
        if self.hedge_at(context.plan).is_some_and(|at| at <= context.now) {
            self.start_next(context);
        }
    }

    /// Returns when to start a second branch beside a silent one.
    fn hedge_at(&self, plan: &Plan) -> Option<f64> {
        let [live] = self.live.as_slice() else { return None };
        self.upcoming()?;
        // The branch that called the tools is never hedged.
        if self.options.stay.as_deref() == Some(plan.key(live.branch)) {
            return None;
        }
        live.hedge_at(plan.policy(live.branch))
    }

    /// Sets the timer if something is due before it fires. A timer that fires too early is
    /// harmless, so a chunk, which only postpones deadlines, costs nothing here.
    fn set_alarm(&mut self, context: &mut FeedContext<'_>) {
        if self.stage != Stage::Running {
            return;
        }
        let deadlines =
            self.live.iter().filter_map(|it| it.deadline(context.plan.policy(it.branch)));
        let next = deadlines.map(|(at, _)| at).chain(self.hedge_at(context.plan)).reduce(f64::min);
        if let Some(at) = next.filter(|&at| self.alarm.is_none_or(|alarm| at < alarm)) {
            self.alarm = Some(at);
            context.actions.push(Action::Wake { at });
        }
    }
}
