//! Whether an answer is good enough to be shown.

use super::{Run, World};
use crate::Confidence;
use crate::route::action::{Action, StopReason};
use crate::route::gate::Verdict;
use crate::route::plan::Judge;
use crate::route::trace::Outcome;

/// How an attempt fared at the gate.
pub(super) enum Passed {
    Waiting,
    Through,
    Refused,
}

impl Run {
    /// Holds an attempt against the confidence gate.
    pub(super) fn pass_gate(
        &mut self,
        attempt: usize,
        is_over: bool,
        told: Option<Confidence>,
        world: &mut World<'_>,
    ) -> Passed {
        let Judge::Confidence(gate) = &world.plan.judge else { return Passed::Through };
        let Some(live) = self.live.iter_mut().find(|it| it.attempt == attempt) else {
            return Passed::Refused;
        };
        let entry = self.attempts.get_mut(attempt);
        match gate.judge(&live.logprobs, is_over, told) {
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
                self.leave(attempt, world.now);
                world.health.stopped(branch, probe);
                if is_over {
                    self.rejected = Some((attempt, Some(confidence)));
                } else {
                    world.actions.push(Action::Stop { attempt, reason: StopReason::Unsure });
                }
                self.reject(attempt, "not sure enough", world);
                return Passed::Refused;
            }
        }
        live.is_open = true;
        Passed::Through
    }

    /// An answer is not good enough: the next branch's turn.
    pub(super) fn reject(&mut self, attempt: usize, why: &str, world: &mut World<'_>) {
        if let Some(entry) = self.attempts.get_mut(attempt) {
            entry.outcome = Some(Outcome::Rejected);
            entry.message = Some(why.to_owned());
        }
        if self.live.is_empty() {
            self.advance(world);
        }
    }

    /// How sure an attempt was: as it says itself, or by the tokens that were heard.
    pub(super) fn told_confidence(
        &self,
        attempt: usize,
        told: Option<Confidence>,
    ) -> Option<Confidence> {
        let live = self.live.iter().find(|it| it.attempt == attempt);
        told.or_else(|| Confidence::of(&live?.logprobs))
    }
}
