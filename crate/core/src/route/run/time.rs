//! Deadlines and hedges: what becomes due, and when the one timer rings.

use super::{Run, Stage, World};
use crate::route::action::{Action, StopReason};
use crate::route::plan::Plan;
use crate::{Error, Status};

impl Run {
    pub(super) fn woke(&mut self, world: &mut World<'_>) {
        self.alarm = None;
        let late = self.live.iter().find_map(|live| {
            let (at, what) = live.deadline(world.plan.policy(live.branch))?;
            (at <= world.now).then_some((live.attempt, what))
        });
        if let Some((attempt, what)) = late {
            world.actions.push(Action::Stop { attempt, reason: StopReason::Deadline });
            self.failed(attempt, Error::new(Status::DeadlineExceeded, what), world);
            if self.stage == Stage::Running {
                self.woke(world); // The other one may be late too.
            }
            return;
        }
        if self.hedge_at(world.plan).is_some_and(|at| at <= world.now) {
            self.start_next(world);
        }
    }

    /// When a second branch starts beside the one that is silent.
    pub(super) fn hedge_at(&self, plan: &Plan) -> Option<f64> {
        let [live] = self.live.as_slice() else { return None };
        self.upcoming()?;
        // Whoever called the tools is waited for.
        if self.ask.stay.as_deref() == Some(plan.key(live.branch)) {
            return None;
        }
        live.hedge_at(plan.policy(live.branch))
    }

    /// Sets the timer where something is due before it rings. One that rings too early does no harm,
    /// so that a chunk, which only ever moves deadlines back, costs nothing here.
    pub(super) fn set_alarm(&mut self, world: &mut World<'_>) {
        if self.stage != Stage::Running {
            return;
        }
        let deadlines = self.live.iter().filter_map(|it| it.deadline(world.plan.policy(it.branch)));
        let next = deadlines.map(|(at, _)| at).chain(self.hedge_at(world.plan)).reduce(f64::min);
        if let Some(at) = next.filter(|&at| self.alarm.is_none_or(|alarm| at < alarm)) {
            self.alarm = Some(at);
            world.actions.push(Action::Wake { at });
        }
    }
}
