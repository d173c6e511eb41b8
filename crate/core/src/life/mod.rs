//! The life cycle of a model on this device: which callers wait for a load, how an abort by one
//! affects the others, when the engine is rebuilt, and when a load is suspected of crashing its
//! tab.
//!
//! Like a run of the router, a [`Life`] takes events and returns actions. It owns no worker and
//! reads no clock.
//!
//! ```text
//! absent ──load──► loading ──► ready ──fault──► loading (from the store, at most twice) ──► ready
//!    ▲                │          │                 └──► failed ──load──► loading
//!    └────────────────┘          └──dispose──► disposed ──load──► loading
//!       failed, the last caller left
//! ```

mod crash;
#[cfg(test)]
mod tests;

pub use crash::CrashMark;

use crate::{Error, Status};

/// How many times in a row the engine is rebuilt after a fault.
const REBUILDS: u32 = 2;

/// The state of a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Not loaded.
    #[default]
    Absent,
    /// Loading.
    Loading,
    /// Ready to run.
    Ready,
    /// The engine failed repeatedly.
    Failed,
    /// Disposed of; a load restores it.
    Disposed,
}

/// The phase of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Bytes are being downloaded.
    Download,
    /// All bytes are stored.
    Stored,
    /// Weights are being uploaded or kernels compiled: the part that can crash a tab.
    Device,
}

/// An event. The driver assigns each caller a number.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A caller requests the model and waits for it.
    Load(u32),
    /// A load without `force` found the record of tabs that crashed.
    Marked {
        /// The record.
        mark: CrashMark,
        /// The context window of this load.
        context_window: u32,
        /// Milliseconds since 1970.
        now: f64,
    },
    /// The model is on the device without a load.
    Found,
    /// The model is no longer on the device.
    Gone,
    /// A caller's own signal aborted its wait.
    CallerLeft(u32),
    /// The load has reached a phase.
    Reached(Phase),
    /// The load has finished.
    Loaded,
    /// The load failed, and the engine still runs.
    LoadFailed(Error),
    /// The worker or its engine died.
    EngineDied(Error),
    /// The engine has produced output, so the last fault no longer counts.
    Succeeded,
    /// The page enters the back/forward cache.
    PageLeft,
    /// The page is shown again.
    PageBack,
    /// The model is disposed of.
    Dispose,
}

/// An action for the driver.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Start a load.
    Start {
        /// Whether it may use the network. A rebuild only reads the store.
        may_download: bool,
    },
    /// Abort the load in progress and end its worker once the received bytes are recorded.
    Stop,
    /// End the worker at once.
    End,
    /// Record that this tab might end.
    Mark,
    /// Remove that record.
    Unmark,
    /// Settle a caller's wait, with an error if the load failed.
    Settle(u32, Result<(), Error>),
}

/// The life cycle of one model.
#[derive(Debug, Default)]
pub struct Life {
    state: State,
    /// The callers that wait for the load in progress.
    waiting: Vec<u32>,
    /// A rebuild continues whether or not a caller waits for it.
    is_rebuild: bool,
    phase: Option<Phase>,
    faults_in_row: u32,
    was_ready: bool,
    /// Whether the weights are stored, so that the engine can be rebuilt from them.
    is_kept: bool,
}

impl Life {
    /// Creates a model that is not loaded. `is_kept` is whether its weights stay stored.
    #[must_use]
    pub fn new(is_kept: bool) -> Self {
        Self { is_kept, ..Self::default() }
    }

    /// Returns the model's state.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Handles an event and returns the actions to run, in order.
    pub fn feed(&mut self, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Load(caller) => self.load(caller, &mut actions),
            Event::Marked { mark, context_window, now } if self.state == State::Loading => {
                if mark.is_suspect(context_window, now) {
                    self.fail(mark.error(), &mut actions);
                }
            }
            Event::Found if self.state == State::Absent => self.state = State::Ready,
            Event::Gone if self.state == State::Ready => self.state = State::Absent,
            Event::CallerLeft(caller) => self.leave(caller, &mut actions),
            Event::Reached(phase) if self.state == State::Loading => {
                if phase == Phase::Device && self.phase != Some(Phase::Device) {
                    actions.push(Action::Mark);
                }
                self.phase = Some(phase);
            }
            Event::Loaded if self.state == State::Loading => {
                self.end(State::Ready, &Ok(()), &mut actions);
            }
            Event::LoadFailed(error) if self.state == State::Loading => {
                self.fail(error, &mut actions);
            }
            Event::EngineDied(error) => self.died(error, &mut actions),
            Event::Succeeded => self.faults_in_row = 0,
            Event::PageLeft => {
                self.was_ready = self.state == State::Ready || self.is_rebuild;
                if matches!(self.state, State::Ready | State::Loading) {
                    actions.push(Action::End);
                    self.end(State::Absent, &Err(left()), &mut actions);
                }
            }
            Event::PageBack if self.was_ready && self.state == State::Absent => {
                self.start(true, &mut actions);
            }
            Event::Dispose => {
                if self.state != State::Disposed {
                    actions.push(Action::Stop);
                    self.end(State::Disposed, &Err(disposed()), &mut actions);
                }
                self.was_ready = false;
            }
            // Events that don't apply to this state, or arrive too late.
            Event::Marked { .. }
            | Event::Reached(_)
            | Event::Loaded
            | Event::LoadFailed(_)
            | Event::Found
            | Event::Gone
            | Event::PageBack => {}
        }
        actions
    }

    fn load(&mut self, caller: u32, actions: &mut Vec<Action>) {
        match self.state {
            State::Ready => actions.push(Action::Settle(caller, Ok(()))),
            State::Loading => self.waiting.push(caller),
            State::Absent | State::Failed | State::Disposed => {
                self.faults_in_row = 0;
                self.waiting.push(caller);
                self.start(false, actions);
            }
        }
    }

    fn fail(&mut self, error: Error, actions: &mut Vec<Action>) {
        actions.push(Action::End);
        // CANCELLED is reserved for a caller's own signal; here another caller aborted.
        if error.status == Status::Cancelled {
            self.end(State::Absent, &Err(stopped()), actions);
        } else {
            self.end(State::Failed, &Err(error), actions);
        }
    }

    fn start(&mut self, is_rebuild: bool, actions: &mut Vec<Action>) {
        self.state = State::Loading;
        self.is_rebuild = is_rebuild;
        self.phase = None;
        self.was_ready = false;
        actions.push(Action::Start { may_download: !is_rebuild });
    }

    /// Ends one caller's wait. The load is aborted when no caller is left.
    fn leave(&mut self, caller: u32, actions: &mut Vec<Action>) {
        let before = self.waiting.len();
        self.waiting.retain(|it| *it != caller);
        if self.waiting.len() == before {
            return;
        }
        actions.push(Action::Settle(caller, Err(Error::cancelled())));
        if self.waiting.is_empty() && !self.is_rebuild {
            actions.push(Action::Stop);
            self.end(State::Absent, &Err(stopped()), actions);
        }
    }

    fn died(&mut self, error: Error, actions: &mut Vec<Action>) {
        if !matches!(self.state, State::Loading | State::Ready) {
            return;
        }
        // Weights that had not arrived completely are not stored: the next load fetches the rest.
        if self.phase == Some(Phase::Download) {
            return self.end(State::Absent, &Err(error), actions);
        }
        let is_enough = self.faults_in_row >= REBUILDS || !self.is_kept;
        self.end(State::Failed, &Err(error), actions);
        if !is_enough {
            self.faults_in_row += 1;
            self.start(true, actions);
        }
    }

    fn end(&mut self, state: State, outcome: &Result<(), Error>, actions: &mut Vec<Action>) {
        self.unmark(actions);
        self.state = state;
        self.is_rebuild = false;
        self.phase = None;
        for caller in self.waiting.drain(..) {
            actions.push(Action::Settle(caller, outcome.clone()));
        }
    }

    fn unmark(&mut self, actions: &mut Vec<Action>) {
        if self.phase.take() == Some(Phase::Device) {
            actions.push(Action::Unmark);
        }
    }
}

fn stopped() -> Error {
    Error::unavailable("the load was stopped by another caller; call load() again")
        .with_code("LOAD_STOPPED")
}

fn disposed() -> Error {
    Error::unavailable("the model was disposed of; call load() to use it again")
        .with_code("DISPOSED")
}

fn left() -> Error {
    let message = "the page was left; the model is loaded again when it is shown";
    Error::new(Status::Aborted, message).with_code("PAGE_LEFT")
}
