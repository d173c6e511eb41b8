//! The life of a model on this device: who waits for a load, what a stop means for the others, when
//! the engine is built again, and when a load is suspected of ending its tab.
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

/// How often in a row a fault is answered by building the engine again.
const REBUILDS: u32 = 2;

/// Where a model is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Not loaded.
    #[default]
    Absent,
    /// On its way.
    Loading,
    /// It can be run.
    Ready,
    /// The engine failed repeatedly.
    Failed,
    /// Disposed of; a load brings it back.
    Disposed,
}

/// The phase of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Bytes come from the network, and some are missing.
    Download,
    /// All bytes are in the store.
    Stored,
    /// Weights go to the device, or its kernels are compiled: the part that can end a tab.
    Device,
}

/// Something happened. Callers have numbers of the outside's choice.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A caller wants the model and waits for it.
    Load(u32),
    /// A load without `force` found the mark of tabs that crashed.
    Marked {
        /// The mark.
        mark: CrashMark,
        /// The context window of this load.
        context_window: u32,
        /// Milliseconds since 1970.
        now: f64,
    },
    /// The model is on the device without a load.
    Found,
    /// The model is not on the device any more.
    Gone,
    /// A caller's own signal ended its wait.
    CallerLeft(u32),
    /// The load has reached a phase.
    Reached(Phase),
    /// The load is done.
    Loaded,
    /// The load failed, and the engine lives.
    LoadFailed(Error),
    /// The worker or its engine died.
    EngineDied(Error),
    /// The engine has produced something: the last fault is overcome.
    Succeeded,
    /// The page enters the back/forward cache.
    PageLeft,
    /// The page is shown again.
    PageBack,
    /// The model is disposed of.
    Dispose,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Start a load.
    Start {
        /// Whether it may use the network. A rebuild reads the store alone.
        may_download: bool,
    },
    /// Stop the load in progress and end its worker once what has arrived is recorded.
    Stop,
    /// End the worker at once.
    End,
    /// Record that this tab might end.
    Mark,
    /// Remove that record.
    Unmark,
    /// A caller's wait is over: well, or with an error.
    Settle(u32, Result<(), Error>),
}

/// One model's life.
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
    /// Whether weights are kept, so that the engine can be built again from them.
    is_kept: bool,
}

impl Life {
    /// A model that is not loaded. `is_kept` is whether its weights stay in the store.
    #[must_use]
    pub fn new(is_kept: bool) -> Self {
        Self { is_kept, ..Self::default() }
    }

    /// Where the model is.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Takes an event and returns what to do, in order.
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
            // Events that do not concern this state, or arrive too late.
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
        // CANCELLED is the word for a caller's own signal: here it was another's.
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

    /// One caller's stop ends its own wait. The last one to leave stops the load.
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
        // What had not all arrived is not in the store: the next load fetches the rest.
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
