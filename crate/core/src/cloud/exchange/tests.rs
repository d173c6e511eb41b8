//! Cases that the recorded responses in `tests/fixtures` do not cover.

use serde_json::{Value, json};

use super::{BODY_LIMIT, Exchange, FAILURE_LIMIT, HttpHead, Next, Task};
use crate::cloud::Service;
use crate::{Error, Message, Reply, Request, Role, Status};

const EVENTS: HttpHead<'_> =
    HttpHead { status: 200, content_type: "text/event-stream", retry_after: None };
const JSON: HttpHead<'_> =
    HttpHead { status: 200, content_type: "application/json", retry_after: None };

fn exchange(task: Task) -> Exchange {
    let service = Service::from_json(json!({ "dialect": "gemini", "model": "m" })).unwrap();
    let messages = vec![Message::text(Role::User, "the secret of the house")];
    let request = Request { messages, ..Request::default() };
    service.call(&request, task).unwrap().0
}

fn end(exchange: &mut Exchange) -> Result<Reply, Error> {
    loop {
        match exchange.step() {
            Next::Piece(_) => {}
            Next::Done(reply) => return Ok(*reply),
            Next::Failed(error) => return Err(error),
            Next::Read => exchange.close(),
        }
    }
}

fn event(text: &str, finish: Option<&str>) -> Vec<u8> {
    let json = json!({ "candidates": [{ "content": { "parts": [{ "text": text }] }, "finishReason": finish }] });
    format!("data: {json}\n\n").into_bytes()
}

#[test]
fn a_count_is_a_reply_with_usage_only() {
    let mut counted = exchange(Task::Count);
    counted.open(JSON);
    counted.feed(br#"{"totalTokens": 31}"#);
    assert_eq!(end(&mut counted).unwrap().usage.input_tokens, Some(31));
    let mut empty = exchange(Task::Count);
    empty.open(JSON);
    empty.feed(b"{}");
    assert_eq!(end(&mut empty).unwrap_err().status, Status::Unavailable);
}

#[test]
fn a_broken_connection_after_the_end_is_ignored() {
    let outcome = |events: &[Vec<u8>]| {
        let mut broken = exchange(Task::Stream);
        broken.open(EVENTS);
        events.iter().for_each(|bytes| broken.feed(bytes));
        broken.broken();
        end(&mut broken).map(|reply| reply.message.joined_text()).map_err(|error| error.code)
    };
    assert_eq!(outcome(&[event("a", Some("STOP"))]), Ok("a".to_owned()));
    assert_eq!(outcome(&[event("a", None)]), Err(Some("STREAM_TRUNCATED".into())));
    assert_eq!(outcome(&[event("", Some("STOP"))]), Err(Some("STREAM_TRUNCATED".into())));
    assert_eq!(outcome(&[]), Err(Some("STREAM_TRUNCATED".into())));
}

#[test]
fn chunks_are_delivered_before_a_later_failure() {
    let mut failing = exchange(Task::Stream);
    failing.open(EVENTS);
    let mut bytes = event("a", None);
    bytes.extend(b"data: {\"error\":{\"code\":500}}\n\n");
    failing.feed(&bytes);
    assert!(matches!(failing.step(), Next::Piece(_)));
    assert!(matches!(failing.step(), Next::Failed(_)));
    failing.feed(&event("b", Some("STOP")));
    assert!(matches!(failing.step(), Next::Failed(_)), "a settled step does not change");
}

#[test]
fn endless_bodies_are_given_up() {
    let chunk = vec![b' '; 1 << 20];
    let mut whole = exchange(Task::Generate);
    whole.open(JSON);
    (0..=BODY_LIMIT >> 20).for_each(|_| whole.feed(&chunk));
    assert_eq!(end(&mut whole).unwrap_err().code.as_deref(), Some("ANSWER_TOO_LARGE"));

    let mut refused = exchange(Task::Generate);
    refused.open(HttpHead { status: 500, ..JSON });
    refused.feed(&chunk[..FAILURE_LIMIT - 1]);
    assert_eq!(refused.step(), Next::Read);
    refused.feed(&chunk);
    assert!(matches!(refused.step(), Next::Failed(_)), "enough has been read to tell why");
}

#[test]
fn errors_quote_neither_prompt_nor_key() {
    let mut quoting = exchange(Task::Generate);
    quoting.hide("AIzaSyA-0123456789");
    quoting.open(HttpHead { status: 400, ..JSON });
    let body = json!({ "error": { "message": "cannot read 'the secret of the house' with AIzaSyA-0123456789" } });
    quoting.feed(body.to_string().as_bytes());
    let error = end(&mut quoting).unwrap_err();
    assert_eq!(
        error.message,
        "the service answered 400 with INVALID_ARGUMENT: cannot read '[…]' with […]"
    );
    assert!(!format!("{quoting:?}").contains("AIza"), "nor does the exchange itself");
}

#[test]
fn a_service_without_an_address_is_rejected() {
    let check = |service: Value, message: &str| {
        assert_eq!(Service::from_json(service).unwrap_err().message, message);
    };
    check(
        json!({ "dialect": "openai", "model": "m" }),
        "`baseUrl` of the service must be a string",
    );
    check(
        json!({ "dialect": "smtp", "model": "m" }),
        "`dialect` of the service must be gemini or openai",
    );
    check(json!({ "dialect": "gemini" }), "`model` of the service must be a string");
    assert_eq!(Task::parse("count"), Some(Task::Count));
    assert_eq!(Task::parse("embed"), None);
}

#[test]
fn half_a_surrogate_pair_becomes_the_replacement_character() {
    let mut stream = exchange(Task::Stream);
    stream.open(EVENTS);
    for text in [r"a\ud83d", r"\ude00b"] {
        let json = format!(
            r#"data: {{"candidates":[{{"content":{{"parts":[{{"text":"{text}"}}]}},"finishReason":"STOP"}}]}}{}"#,
            "\n\n"
        );
        stream.feed(json.as_bytes());
    }
    assert_eq!(end(&mut stream).unwrap().message.joined_text(), "a\u{fffd}\u{fffd}b");
}
