//! How attempts and runs end.

use super::{Run, Stage, World};
use crate::route::action::{Action, StopReason};
use crate::route::attempt::Live;
use crate::route::plan::Judge;
use crate::route::trace::{Outcome, Trace};
use crate::{Confidence, Error};

impl Run {
    pub(super) fn finish(
        &mut self,
        attempt: usize,
        confidence: Option<Confidence>,
        world: &mut World<'_>,
    ) {
        if let Some(entry) = self.attempts.get_mut(attempt) {
            entry.outcome = Some(Outcome::Answered);
        }
        self.stage = Stage::Over;
        if self.ask.streaming && world.plan.judge != Judge::Accept {
            world.actions.push(Action::Show { attempt });
        }
        // Content that was held to the end has just been shown.
        let was_heard = self.attempts.get(attempt).is_some_and(|it| it.first_token_ms.is_some());
        let is_shown = was_heard && world.plan.judge != Judge::Accept;
        let whole = self.ask.streaming && self.committed.is_none() && !is_shown;
        world.actions.push(Action::Finish { attempt, whole, confidence, trace: self.trace(world) });
    }

    /// No branch is left. An answer that was refused earlier is better than none.
    pub(super) fn give_up(&mut self, attempt: Option<usize>, error: Error, world: &mut World<'_>) {
        match self.rejected.take() {
            Some((rejected, confidence)) => {
                self.stop_all(StopReason::Overtaken, world);
                self.finish(rejected, confidence, world);
            }
            None => self.fail(attempt, error, world),
        }
    }

    pub(super) fn fail(&mut self, attempt: Option<usize>, error: Error, world: &mut World<'_>) {
        self.stop_all(StopReason::Overtaken, world);
        self.stage = Stage::Over;
        world.actions.push(Action::Fail { attempt, error, trace: self.trace(world) });
    }

    pub(super) fn aborted(&mut self, world: &mut World<'_>) {
        self.stop_all(StopReason::Aborted, world);
        if let Stage::Judging { attempt, .. } = self.stage {
            self.note(attempt, Outcome::Stopped, None);
        }
        self.fail(None, Error::cancelled(), world);
    }

    pub(super) fn abandoned(&mut self, world: &mut World<'_>) {
        self.stop_all(StopReason::Aborted, world);
        if let Stage::Judging { attempt, .. } = self.stage {
            self.note(attempt, Outcome::Rejected, None);
        }
        self.fail(None, Error::invalid("a callback of the caller threw"), world);
    }

    pub(super) fn stop_others(&mut self, winner: usize, reason: StopReason, world: &mut World<'_>) {
        let losers = self.live.iter().map(|it| it.attempt).filter(|&it| it != winner);
        for attempt in losers.collect::<Vec<_>>() {
            if let Some(live) = self.leave(attempt, world.now) {
                world.health.stopped(live.branch, live.probe);
                self.note(attempt, Outcome::Stopped, None);
                world.actions.push(Action::Stop { attempt, reason });
            }
        }
    }

    pub(super) fn stop_all(&mut self, reason: StopReason, world: &mut World<'_>) {
        self.stop_others(usize::MAX, reason, world);
    }

    /// Takes an attempt off the live ones and writes down its times.
    pub(super) fn leave(&mut self, attempt: usize, now: f64) -> Option<Live> {
        let at = self.live.iter().position(|it| it.attempt == attempt)?;
        let live = self.live.remove(at);
        if let Some(entry) = self.attempts.get_mut(attempt) {
            entry.duration_ms = now - live.started;
            entry.first_token_ms = live.first.map(|first| first - live.started);
        }
        Some(live)
    }

    pub(super) fn note(&mut self, attempt: usize, outcome: Outcome, error: Option<&Error>) {
        if let Some(entry) = self.attempts.get_mut(attempt) {
            entry.outcome = Some(outcome);
            entry.status = error.map(|it| it.status).or(entry.status);
            entry.message =
                error.map(|it| it.message.clone().into_owned()).or(entry.message.take());
        }
    }

    pub(super) fn trace(&self, world: &World<'_>) -> Trace {
        let route = self.route.as_ref();
        Trace {
            id: self.ask.id.clone(),
            strategy: world.plan.strategy_name.clone(),
            order: route.map(|it| it.order.clone()).unwrap_or_default(),
            allow: route.and_then(|it| it.allow.clone()),
            reason: route.and_then(|it| it.reason.clone()),
            attempts: self.attempts.clone(),
        }
    }
}
