//! One request to a service and its response. The owner of the connection drives it.

use serde_json::Value;

use super::failure::{failed, not_the_service, reported};
use super::redaction::Redaction;
use super::sse::{Decoder, Event};
use super::{Dialect, Draft, HttpRequest, Task};
use crate::json::{has, is_cut, parse};
use crate::{Error, Message, Piece, Reply, Request, Result};

/// The size limit of an answer that is not streamed.
const BODY_LIMIT: usize = 64 << 20;
/// The size limit of an error response.
const FAILURE_LIMIT: usize = 64 << 10;

/// The head of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpHead<'a> {
    /// The HTTP status.
    pub status: u16,
    /// `content-type`; empty if absent.
    pub content_type: &'a str,
    /// `retry-after`, if the service sent it and lets a page read it.
    pub retry_after: Option<&'a str>,
}

/// The next step.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Read more: feed the next bytes, or report their end.
    Read,
    /// Deliver this chunk.
    Piece(Piece),
    /// The exchange has succeeded.
    Done(Box<Reply>),
    /// The exchange has failed.
    Failed(Error),
}

/// The exchange.
///
/// ```text
///   new ── open ──► events ──┬─ feed* ── close ──► settled: Done or Failed
///              └──► whole  ──┘           broken ──► settled: Failed
/// ```
///
/// Nothing here returns an error: every failure is a `Next::Failed`, after the chunks before it.
#[derive(Debug)]
pub struct Exchange {
    dialect: Box<dyn Dialect>,
    task: Task,
    draft: Draft,
    body: Body,
    pieces: Vec<Piece>,
    /// The number of chunks taken.
    taken: usize,
    redaction: Redaction,
    settled: Option<Result<Box<Reply>>>,
}

#[derive(Debug)]
enum Body {
    /// Nothing has arrived; a stream or a complete answer may follow.
    Unopened,
    Events(Decoder),
    Whole(Vec<u8>),
    Failure {
        status: u16,
        retry_after: Option<String>,
        bytes: Vec<u8>,
    },
}

impl Exchange {
    /// Creates the exchange and its request.
    ///
    /// # Errors
    ///
    /// As for [`Dialect::request`].
    pub fn new(
        dialect: Box<dyn Dialect>,
        request: &Request,
        task: Task,
    ) -> Result<(Self, HttpRequest)> {
        let http = dialect.request(request, task)?;
        let exchange = Self {
            dialect,
            task,
            draft: Draft::default(),
            body: Body::Unopened,
            pieces: Vec::new(),
            taken: 0,
            redaction: Redaction::of(request),
            settled: None,
        };
        Ok((exchange, http))
    }

    /// Hides a key or a header's value in every error.
    pub fn hide(&mut self, secret: &str) {
        self.redaction.hide(secret);
    }

    /// Handles the head of the response.
    pub fn open(&mut self, head: HttpHead<'_>) {
        let is_success = (200..300).contains(&head.status);
        let content_type = head.content_type.to_ascii_lowercase();
        let says = |word: &str| has(&content_type, word);
        self.body = if !is_success {
            let retry_after = head.retry_after.map(str::to_owned);
            Body::Failure { status: head.status, retry_after, bytes: Vec::new() }
        } else if says("event-stream")
            || (self.task == Task::Stream && !says("json") && !says("html"))
        {
            Body::Events(Decoder::default())
        } else {
            Body::Whole(Vec::new())
        };
    }

    /// Handles the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.settled.is_some() {
            return;
        }
        match &mut self.body {
            Body::Unopened => self.settle(Err(Error::internal("bytes came before their head"))),
            Body::Whole(whole) => {
                if whole.len() + bytes.len() > BODY_LIMIT {
                    let error =
                        Error::internal(format!("the answer is larger than {BODY_LIMIT} bytes"));
                    self.settle(Err(error.with_code("ANSWER_TOO_LARGE")));
                } else {
                    whole.extend_from_slice(bytes);
                }
            }
            Body::Failure { bytes: kept, .. } => {
                let room = FAILURE_LIMIT.saturating_sub(kept.len());
                kept.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
                if kept.len() == FAILURE_LIMIT {
                    self.close();
                }
            }
            Body::Events(_) => self.decode(Some(bytes)),
        }
    }

    /// Handles the end of the body.
    pub fn close(&mut self) {
        if self.settled.is_some() {
            return;
        }
        match &mut self.body {
            Body::Unopened => self.settle(Err(truncated(false))),
            Body::Failure { status, retry_after, bytes } => {
                let retry_after = retry_after.as_deref();
                let error =
                    failed(HttpHead { status: *status, content_type: "", retry_after }, bytes);
                self.settle(Err(error));
            }
            Body::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                let outcome = self.take_whole(&bytes).and_then(|()| self.reply());
                self.settle(outcome);
            }
            Body::Events(_) => {
                self.decode(None);
                if self.settled.is_none() {
                    let outcome = self.stray_error().map_or_else(|| self.reply(), Err);
                    self.settle(outcome);
                }
            }
        }
    }

    /// Handles a broken connection: earlier chunks are valid, the rest is missing.
    pub fn broken(&mut self) {
        let is_complete = self.draft.finish.is_some() && self.draft.has_content();
        let outcome =
            if is_complete { self.reply() } else { Err(truncated(self.draft.has_content())) };
        self.settle(outcome);
    }

    /// Returns the next step. Chunks come before the end, also before a failure.
    pub fn step(&mut self) -> Next {
        if let Some(piece) = self.pieces.get_mut(self.taken) {
            self.taken += 1;
            return Next::Piece(std::mem::take(piece));
        }
        self.pieces.clear();
        self.taken = 0;
        match &self.settled {
            None => Next::Read,
            Some(Ok(reply)) => Next::Done(reply.clone()),
            Some(Err(error)) => Next::Failed(error.clone()),
        }
    }

    /// Returns the message so far, for callers that need the text before a failure.
    #[must_use]
    pub fn partial(&self) -> Message {
        self.draft.message()
    }

    fn settle(&mut self, outcome: Result<Box<Reply>>) {
        if self.settled.is_none() {
            self.settled = Some(outcome.map_err(|error| self.redaction.clean(error)));
        }
    }

    /// Decodes more of the stream, or its end.
    fn decode(&mut self, bytes: Option<&[u8]>) {
        let Self { body: Body::Events(decoder), dialect, draft, pieces, .. } = self else { return };
        let mut is_done = false;
        let on_event = |event: Event<'_>| {
            if is_done {
                return Ok(());
            }
            if dialect.is_end(&event.data) {
                is_done = true;
                return Ok(());
            }
            match parse(&event.data, "the event") {
                Ok(json) => take(dialect.as_mut(), draft, pieces, &json),
                Err(_) if !event.terminated => Ok(()),
                Err(_) => Err(Error::internal("the service sent an event that is not JSON")
                    .with_code("MALFORMED_EVENT")),
            }
        };
        let outcome = match bytes {
            Some(bytes) => decoder.feed(bytes, on_event),
            None => decoder.end(on_event),
        };
        match outcome {
            Err(error) => self.settle(Err(error)),
            Ok(()) if is_done => {
                let reply = self.reply();
                self.settle(reply);
            }
            Ok(()) => {}
        }
    }

    fn take_whole(&mut self, bytes: &[u8]) -> Result<()> {
        let Self { dialect, draft, pieces, .. } = self;
        // As text, so that one instance of the parser serves all cases.
        let text = String::from_utf8_lossy(bytes);
        match parse(&text, "the answer") {
            // The format of a complete stream without `alt=sse`.
            Ok(Value::Array(events)) => {
                events.iter().try_for_each(|event| take(dialect.as_mut(), draft, pieces, event))
            }
            Ok(json) => take(dialect.as_mut(), draft, pieces, &json),
            Err(_) if looks_like_html(bytes) => Err(not_the_service()),
            Err(_) if is_cut(&text) => Err(truncated(false)),
            Err(_) => Err(Error::internal("the service answered with something that is not JSON")
                .with_code("MALFORMED_ANSWER")),
        }
    }

    /// Returns the error contained in lines of the stream that weren't fields, if any.
    fn stray_error(&self) -> Option<Error> {
        let Body::Events(decoder) = &self.body else { return None };
        let stray = decoder.stray();
        if looks_like_html(stray.as_bytes()) && self.draft.finish.is_none() {
            return Some(not_the_service());
        }
        reported(&parse(&stray, "the error").ok()?)
    }

    fn reply(&mut self) -> Result<Box<Reply>> {
        self.dialect.finish(&mut self.draft, &mut self.pieces);
        if self.task == Task::Count && self.draft.usage.input_tokens.is_some() {
            self.draft.finish = Some(Default::default());
        }
        let reply = self.draft.reply().map(Box::new);
        reply.ok_or_else(|| truncated(self.draft.has_content()))
    }
}

/// Reads one JSON value of the response.
fn take(
    dialect: &mut dyn Dialect,
    draft: &mut Draft,
    pieces: &mut Vec<Piece>,
    json: &Value,
) -> Result<()> {
    if let Some(error) = reported(json) {
        return Err(error);
    }
    pieces.extend(dialect.take(json, draft));
    Ok(())
}

/// The error of a stream without an end. It is transient: the router tries another branch if
/// nothing was shown yet.
fn truncated(has_content: bool) -> Error {
    let message = if has_content {
        "the answer broke off in the middle"
    } else {
        "the connection closed before an answer came"
    };
    Error::unavailable(message).with_code("STREAM_TRUNCATED")
}

fn looks_like_html(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"<")
}

#[cfg(test)]
mod tests;
