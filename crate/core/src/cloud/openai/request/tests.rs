//! Requests as chat completions.

use serde_json::{Value, json};

use super::super::OpenAi;
use crate::cloud::Task;
use crate::{Request, Result};

fn body(request: Value, task: Task) -> Result<Value> {
    let request = Request::from_json(request).unwrap();
    let service =
        OpenAi { model: "m".to_owned(), base_url: "http://localhost:8000/v1/".to_owned() };
    let http = service.http(&request, task)?;
    assert_eq!(http.url, "http://localhost:8000/v1/chat/completions");
    Ok(serde_json::from_str(&http.body).unwrap())
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "json! is easier to read without a borrow")]
fn check(request: Value, expected: Value) {
    let mut whole = json!({ "model": "m" });
    whole.as_object_mut().unwrap().extend(expected.as_object().unwrap().clone());
    assert_eq!(body(request, Task::Generate).unwrap(), whole);
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "json! is easier to read without a borrow")]
fn check_part(part: Value, expected: Value) {
    check(
        json!({ "messages": [{ "role": "user", "content": [part] }] }),
        json!({ "messages": [{ "role": "user", "content": [expected] }] }),
    );
}

#[track_caller]
fn refuse(request: Value, message: &str) {
    assert_eq!(body(request, Task::Generate).unwrap_err().message, message);
}

#[test]
fn a_partial_answer_is_followed_by_an_instruction_to_continue() {
    let begun = json!({ "role": "model", "content": [{ "text": "One two" }], "metadata": { "prefix": true } });
    let question = json!({ "role": "user", "content": [{ "text": "a" }] });
    let body = body(json!({ "messages": [question, begun] }), Task::Generate).unwrap();
    let messages = body["messages"].as_array().unwrap();
    assert_eq!(messages[1], json!({ "role": "assistant", "content": "One two" }));
    assert_eq!(messages[2]["role"], "user");
    assert!(messages[2]["content"].as_str().unwrap().contains("«One two»"));
}

#[test]
fn turns() {
    check(
        json!({ "messages": [
            { "role": "system", "content": [{ "text": "be brief" }] },
            { "role": "user", "content": [{ "text": "a" }, { "text": "b" }] },
            { "role": "model", "content": [
                { "reasoning": "hm" }, { "text": "wait" },
                { "toolRequest": { "name": "w", "input": { "c": 1 } } },
                { "toolRequest": { "name": "w" } },
                { "toolRequest": { "name": "v", "ref": "given" } },
            ] },
            { "role": "tool", "content": [{ "toolResponse": { "name": "v", "output": "three", "ref": "given" } }] },
            { "role": "tool", "content": [{ "toolResponse": { "name": "w", "output": { "t": 1 } } }, { "toolResponse": { "name": "w" } }] },
            { "role": "model", "content": [{ "reasoning": "only" }] },
        ] }),
        json!({ "messages": [
            { "role": "system", "content": "be brief" },
            { "role": "user", "content": "ab" },
            { "role": "assistant", "content": "wait", "tool_calls": [
                { "id": "call_1", "type": "function", "function": { "name": "w", "arguments": "{\"c\":1}" } },
                { "id": "call_2", "type": "function", "function": { "name": "w", "arguments": "{}" } },
                { "id": "given", "type": "function", "function": { "name": "v", "arguments": "{}" } },
            ] },
            { "role": "tool", "tool_call_id": "given", "content": "three" },
            { "role": "tool", "tool_call_id": "call_1", "content": "{\"t\":1}" },
            { "role": "tool", "tool_call_id": "call_2", "content": "" },
        ] }),
    );
    refuse(json!({ "messages": [] }), "the request has no message with content");
}

#[test]
fn media() {
    check_part(
        json!({ "media": { "url": "data:image/png;base64,AA==" } }),
        json!({ "type": "image_url", "image_url": { "url": "data:image/png;base64,AA==" } }),
    );
    check_part(
        json!({ "media": { "url": "https://x.test/a" } }),
        json!({ "type": "image_url", "image_url": { "url": "https://x.test/a" } }),
    );
    check_part(
        json!({ "media": { "url": "data:audio/mpeg;base64,AA==" } }),
        json!({ "type": "input_audio", "input_audio": { "data": "AA==", "format": "mp3" } }),
    );
    check_part(
        json!({ "media": { "url": "data:audio/x-wav;base64,AA==" } }),
        json!({ "type": "input_audio", "input_audio": { "data": "AA==", "format": "wav" } }),
    );
    check_part(
        json!({ "media": { "url": "data:application/pdf;base64,AA==" } }),
        json!({ "type": "file", "file": { "filename": "file", "file_data": "data:application/pdf;base64,AA==" } }),
    );
    check_part(json!({ "custom": { "type": "video_url" } }), json!({ "type": "video_url" }));
    for (url, content_type, message) in [
        ("blob:x", "image/png", "a blob: URL means nothing outside this page; use a data: URL"),
        (
            "https://x.test/a",
            "audio/wav",
            "chat completions take pictures by URL and everything else as a data: URL",
        ),
    ] {
        refuse(
            json!({ "messages": [{ "role": "user", "content": [{ "media": { "url": url, "contentType": content_type } }] }] }),
            message,
        );
    }
}

#[test]
fn config() {
    let messages = json!([{ "role": "user", "content": "x" }]);
    check(
        json!({
            "messages": [{ "role": "user", "content": [{ "text": "x" }] }],
            "config": { "temperature": 0.5, "topK": 3, "topP": 0.25, "minP": 0.125, "seed": 1, "maxOutputTokens": 9, "stopSequences": ["a"], "logprobs": true, "branches": { "b": { "c": 1 } } },
            "tools": [{ "name": "f", "description": "d", "inputSchema": { "type": "object" } }],
            "toolChoice": "required",
            "output": { "format": "json" },
        }),
        json!({
            "messages": messages,
            "temperature": 0.5, "top_k": 3, "top_p": 0.25, "min_p": 0.125, "seed": 1, "max_tokens": 9, "stop": ["a"], "logprobs": true,
            "tools": [{ "type": "function", "function": { "name": "f", "description": "d", "parameters": { "type": "object" } } }],
            "tool_choice": "required",
            "response_format": { "type": "json_object" },
        }),
    );
}

#[test]
fn strict_mode_is_used_for_strict_schemas_only() {
    let check = |schema: Value, is_strict: bool| {
        let request = json!({ "messages": [{ "role": "user", "content": [{ "text": "x" }] }], "output": { "schema": schema } });
        let format = &body(request, Task::Generate).unwrap()["response_format"];
        assert_eq!(
            *format,
            json!({ "type": "json_schema", "json_schema": { "name": "output", "schema": schema, "strict": is_strict } })
        );
    };
    let closed = json!({ "type": "object", "properties": { "a": { "type": "string" } }, "required": ["a"], "additionalProperties": false });
    check(closed.clone(), true);
    check(json!({ "type": "array", "items": closed }), true);
    check(json!({ "type": "string" }), true);
    check(json!({ "type": "object", "properties": { "a": {} }, "required": ["a"] }), false);
    check(
        json!({ "type": "object", "properties": { "a": {} }, "additionalProperties": false }),
        false,
    );
    check(json!({ "anyOf": [{ "type": "object" }] }), false);
}

#[test]
fn streaming_requests_usage() {
    let request = || json!({ "messages": [{ "role": "user", "content": [{ "text": "x" }] }] });
    let body_of = |task| body(request(), task);
    assert_eq!(body_of(Task::Stream).unwrap()["stream_options"], json!({ "include_usage": true }));
    assert_eq!(
        body_of(Task::Count).unwrap_err().message,
        "chat completions have no call that counts tokens"
    );
}
