//! Calls of cloud services for JavaScript, which pulls each chunk.

use std::cell::{Cell, RefCell};

use hybridge_core::cloud::{Exchange, HttpHead, HttpRequest, Next, Service, Task, retry_delay_ms};
use hybridge_core::{Error, Reply, Request, Status, parse_json};
use js_sys::Function;
use serde_json::Value;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::platform::{Connection, Interrupted};
use crate::thrown::thrown;

/// One cloud call: first its chunks, then the reply. Every failure is thrown as an `Error` in JSON.
#[wasm_bindgen]
#[expect(missing_debug_implementations, reason = "it contains a key, which must not be logged")]
pub struct CloudCall {
    exchange: RefCell<Exchange>,
    http: HttpRequest,
    headers: RefCell<Vec<String>>,
    fetch: RefCell<Option<Function>>,
    connection: Connection,
    progress: Cell<Progress>,
    reply: RefCell<Option<Box<Reply>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Unsent,
    Open,
    /// A call of `next` is pending.
    Waiting,
}

#[wasm_bindgen]
impl CloudCall {
    /// Creates a call, which is sent by the first `next`. `description` is JSON: `{ service, task,
    /// request }`.
    #[wasm_bindgen(constructor)]
    pub fn new(description: &str) -> Result<CloudCall, JsValue> {
        Self::described(description).map_err(|error| thrown(&error))
    }

    /// Adds the key's header as `name: prefix`.
    #[wasm_bindgen(js_name = keyHeader)]
    pub fn key_header(&self) -> String {
        format!("{}: {}", self.http.key_header, self.http.key_prefix)
    }

    /// Sets the headers, as a JSON list of alternating names and values, and an optional custom
    /// `fetch`.
    pub fn equip(&self, headers: &str, fetch: Option<Function>) -> Result<(), JsValue> {
        let headers: Vec<String> = match parse(headers) {
            Ok(Value::Array(list)) => {
                list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            Ok(_) => Vec::new(),
            Err(error) => return Err(thrown(&error)),
        };
        let mut exchange = self.exchange.borrow_mut();
        headers.iter().skip(1).step_by(2).for_each(|value| exchange.hide(value));
        *self.headers.borrow_mut() = headers;
        *self.fetch.borrow_mut() = fetch;
        Ok(())
    }

    /// Returns the next `Piece` as JSON, or `undefined` after the last.
    pub async fn next(&self) -> Result<Option<String>, JsValue> {
        self.advance().await.map_err(|error| thrown(&error))
    }

    /// Returns the `Reply` as JSON, once `next` has returned `undefined`.
    pub fn reply(&self) -> Result<String, JsValue> {
        let reply = self.reply.borrow();
        let reply = reply.as_ref().ok_or_else(|| Error::precondition("the answer is not complete"));
        reply.and_then(json_of).map_err(|error| thrown(&error))
    }

    /// Returns the partial message received so far, as JSON.
    pub fn partial(&self) -> Result<String, JsValue> {
        json_of(&self.exchange.borrow().partial()).map_err(|error| thrown(&error))
    }

    /// Closes the connection at once. Idempotent.
    pub fn cancel(&self) {
        self.connection.close();
    }
}

impl CloudCall {
    fn described(json: &str) -> Result<Self, Error> {
        let mut description = parse(json)?;
        let mut field = |name: &str| description.get_mut(name).map(Value::take).unwrap_or_default();
        let service = Service::from_json(field("service"))?;
        let task = field("task").as_str().and_then(Task::parse);
        let task =
            task.ok_or_else(|| Error::invalid("`task` must be generate, stream or count"))?;
        let request = Request::from_json(field("request"))?;
        let (exchange, http) = service.call(&request, task)?;
        Ok(Self {
            exchange: RefCell::new(exchange),
            http,
            headers: RefCell::default(),
            fetch: RefCell::default(),
            connection: Connection::new()?,
            progress: Cell::new(Progress::Unsent),
            reply: RefCell::default(),
        })
    }

    async fn advance(&self) -> Result<Option<String>, Error> {
        let before = self.progress.replace(Progress::Waiting);
        if before == Progress::Waiting {
            return Err(Error::precondition("the call is already waiting for its next chunk"));
        }
        let outcome = async {
            if before == Progress::Unsent {
                self.send().await?;
            }
            self.pull().await
        }
        .await;
        self.progress.set(Progress::Open);
        if !matches!(outcome, Ok(Some(_))) {
            self.connection.close();
        }
        outcome
    }

    async fn send(&self) -> Result<(), Error> {
        let headers = self.headers.take();
        let fetch = self.fetch.take();
        let opened = self.connection.open(&self.http, &headers, fetch.as_ref()).await?;
        self.exchange.borrow_mut().open(HttpHead {
            status: opened.status,
            content_type: &opened.content_type,
            retry_after: opened.retry_after.as_deref(),
        });
        Ok(())
    }

    async fn pull(&self) -> Result<Option<String>, Error> {
        loop {
            let step = self.exchange.borrow_mut().step();
            match step {
                Next::Piece(piece) => return json_of(&piece).map(Some),
                Next::Done(reply) => {
                    *self.reply.borrow_mut() = Some(reply);
                    return Ok(None);
                }
                Next::Failed(error) => return Err(error),
                Next::Read => {}
            }
            let read = self.connection.read().await;
            if self.connection.is_closed() {
                return Err(Error::cancelled());
            }
            let mut exchange = self.exchange.borrow_mut();
            match read {
                Ok(Some(bytes)) => exchange.feed(&bytes),
                Ok(None) => exchange.close(),
                Err(Interrupted) => exchange.broken(),
            }
        }
    }
}

/// Returns the pause in milliseconds before a failed call is retried, or `undefined` to give up.
/// `failures` counts the attempts so far; `chance` is a random number from 0 to 1.
#[wasm_bindgen(js_name = retryDelay)]
pub fn retry_delay(
    status: &str,
    code: Option<String>,
    retry_after_ms: Option<f64>,
    failures: u32,
    retries: u32,
    chance: f64,
) -> Option<f64> {
    let mut error = Error::new(Status::parse(status)?, "");
    error.code = code.map(Into::into);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let asked = retry_after_ms.map(|it| it as u64);
    error.retry_after_ms = asked;
    #[expect(clippy::cast_precision_loss, reason = "at most a minute")]
    retry_delay_ms(&error, failures, retries, chance).map(|pause| pause as f64)
}

fn parse(json: &str) -> Result<Value, Error> {
    parse_json(json, "the request")
}

fn json_of<T: serde::Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|_| Error::internal("a chunk could not be serialised"))
}
