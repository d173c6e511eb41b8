//! The generation of one answer, which `worker.ts` pulls step by step.

use std::cell::RefCell;
use std::rc::Rc;

use hybridge_core::{Confidence, Content, Error, FinishReason, Message, Part, Result, Role, Usage};
use hybridge_gemma::generate::{self, Cancel, Options, Piece, Prompt, Session};
use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::boundary::{thrown, told};

/// A session that each call takes out and puts back, so that no borrow outlives an await.
#[derive(Clone, Debug)]
pub(crate) struct Shared(Rc<RefCell<Option<Session>>>);

impl Shared {
    pub(crate) fn new(session: Session) -> Self {
        Self(Rc::new(RefCell::new(Some(session))))
    }

    fn take(&self) -> Result<Session> {
        self.0.borrow_mut().take().ok_or_else(|| {
            Error::precondition("the engine is busy with another answer").with_code("ENGINE_BUSY")
        })
    }

    fn put_back(&self, session: Session) {
        self.0.replace(Some(session));
    }

    /// Borrows the session for the duration of a call.
    pub(crate) fn with<R>(&self, look: impl FnOnce(&mut Session) -> Result<R>) -> Result<R> {
        let mut session = self.take()?;
        let found = look(&mut session);
        self.put_back(session);
        found
    }
}

/// The generation of one answer.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Generation {
    session: Shared,
    cancel: Cancel,
    stage: RefCell<Stage>,
}

#[derive(Debug)]
enum Stage {
    /// The prompt has not been processed yet.
    Prompt(Prompt, Box<Options>),
    /// Part of the answer is generated.
    Running(Box<generate::Generation>),
    /// The answer is complete, or a step is in progress.
    Over,
}

/// The result of one step.
#[derive(Debug, Default, Serialize)]
struct Pulled {
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Vec<Part>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<Vec<f32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<Reply>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    message: Message,
    finish_reason: FinishReason,
    usage: Usage,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<Confidence>,
}

impl Generation {
    pub(crate) fn new(session: Shared, prompt: Prompt, options: Options) -> Self {
        let cancel = options.cancel.clone();
        Self { session, cancel, stage: RefCell::new(Stage::Prompt(prompt, Box::new(options))) }
    }

    async fn pull(&self) -> Result<Pulled> {
        if self.cancel.is_cancelled() {
            return Err(Error::cancelled());
        }
        let mut session = self.session.take()?;
        let stage = self.stage.replace(Stage::Over);
        let (stage, pulled) = advance(&mut session, stage).await;
        self.session.put_back(session);
        self.stage.replace(stage);
        pulled
    }
}

/// Runs one step: the prompt, or a chunk.
async fn advance(session: &mut Session, stage: Stage) -> (Stage, Result<Pulled>) {
    match stage {
        Stage::Prompt(prompt, options) => match session.start(prompt, *options).await {
            // The prompt is a step of its own, so that its end is distinct from the first token's.
            Ok(generation) => (Stage::Running(Box::new(generation)), Ok(Pulled::default())),
            Err(error) => (Stage::Over, Err(error)),
        },
        Stage::Running(mut generation) => match session.next(&mut generation).await {
            Ok(Some(piece)) => (Stage::Running(generation), Ok(Pulled::of(piece))),
            Ok(None) => (Stage::Over, Ok(Pulled::end(&generation))),
            Err(error) => (Stage::Over, Err(error)),
        },
        Stage::Over => (Stage::Over, Err(Error::precondition("this answer has ended"))),
    }
}

impl Pulled {
    fn of(piece: Piece) -> Self {
        let logprobs = piece.choices.iter().map(|choice| choice.logprob).collect();
        let calls = piece.calls.into_iter().map(|call| Content::ToolRequest(call).into());
        let thought = Some(piece.reasoning).filter(|text| !text.is_empty()).map(Part::reasoning);
        let words = Some(piece.text).filter(|text| !text.is_empty()).map(Part::text);
        let content = thought.into_iter().chain(words).chain(calls).collect();
        Self { content: Some(content), logprobs: Some(logprobs), reply: None }
    }

    fn end(generation: &generate::Generation) -> Self {
        let reply = Reply {
            message: Message {
                role: Role::Model,
                content: generation.content().to_vec(),
                metadata: None,
            },
            finish_reason: generation.finish_reason().unwrap_or_default(),
            usage: generation.usage(),
            confidence: generation.confidence(),
        };
        Self { reply: Some(reply), ..Self::default() }
    }
}

#[wasm_bindgen]
impl Generation {
    /// Returns the next step as JSON: nothing yet, some content, or finally the complete reply.
    pub async fn next(&self) -> Result<String, JsValue> {
        self.pull().await.map(|pulled| told(&pulled)).map_err(|error| thrown(&error))
    }

    /// Stops after the token in flight. Idempotent.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }
}
