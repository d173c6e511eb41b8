//! Continues answers that broke off after content, if the caller allows another branch to continue
//! the text so far.
//!
//! The next branch reads the text so far, so the strategy decides again about the request with it:
//! the constraint may narrow, but never widen. The order stays.

use super::{FeedContext, Live, Run, Stage};
use crate::Error;
use crate::route::action::Action;
use crate::route::inputs::Pause;
use crate::route::trace::{Continued, NotContinued};

/// An answer that broke off.
#[derive(Debug)]
pub(super) struct Partial {
    /// The last attempt that contributed.
    attempt: usize,
    /// Its branch.
    from: String,
    /// UTF-16 code units of text that the caller has seen, from all attempts.
    at: u64,
    /// The error.
    error: Error,
}

impl Partial {
    pub(super) fn mark(&self) -> Continued {
        Continued { from: self.from.clone(), at: self.at }
    }
}

impl Run {
    /// Handles the failure of the attempt whose content is shown.
    pub(super) fn broke_off(
        &mut self,
        live: &Live,
        moves_on: bool,
        error: Error,
        context: &mut FeedContext<'_>,
    ) {
        let continues =
            self.options.continues || context.plan.policy(live.branch).continues == Some(true);
        if !continues {
            return self.fail(Some(live.attempt), error, context);
        }
        let shown = self.partial.as_ref().map_or(0, |it| it.at);
        self.partial = Some(Partial {
            attempt: live.attempt,
            from: context.plan.key(live.branch).to_owned(),
            at: shown + live.text,
            error,
        });
        let refusal = if !moves_on {
            Some(NotContinued::Permanent)
        } else if self.options.wants_json {
            Some(NotContinued::Json)
        } else if live.has_other {
            Some(NotContinued::ToolCall)
        } else if self.upcoming().is_none() {
            Some(NotContinued::LastBranch)
        } else {
            None
        };
        match refusal {
            Some(why) => self.leave_broken(why, None, context),
            None => {
                context.actions.push(Action::Extend { attempt: live.attempt });
                self.stage = Stage::Reconsidering;
                self.deliberation = Default::default();
                self.reconsider(context);
            }
        }
    }

    /// Has the strategy decide about the request with the text so far, then starts the next branch
    /// that may still see it.
    pub(super) fn reconsider(&mut self, context: &mut FeedContext<'_>) {
        match self.deliberation.route(context.plan, context.health) {
            Ok(again) => {
                if let Some(route) = &mut self.route {
                    route.narrow(&again, self.used, context.plan);
                }
                if self.upcoming().is_none() {
                    return self.leave_broken(NotContinued::NotAllowed, None, context);
                }
                if !self.start_next(context) {
                    // All remaining branches have an open breaker.
                    self.leave_broken(NotContinued::LastBranch, None, context);
                }
            }
            Err(Pause::Ask(question)) => context.actions.push(Action::Ask { question }),
            Err(Pause::Fail(error)) => {
                self.leave_broken(NotContinued::NotAllowed, Some(error), context);
            }
        }
    }

    /// Ends the run with the partial answer.
    pub(super) fn leave_broken(
        &mut self,
        why: NotContinued,
        cause: Option<Error>,
        context: &mut FeedContext<'_>,
    ) {
        let Some(Partial { attempt, error, .. }) = self.partial.take() else {
            return self.fail(None, cause.unwrap_or_else(Error::cancelled), context);
        };
        if let Some(entry) = self.attempts.get_mut(attempt) {
            entry.not_continued = Some(why);
        }
        self.fail(Some(attempt), error, context);
    }
}
