//! Requests as Gemini's JSON.

use serde_json::{Value, json};

use super::super::Gemini;
use crate::cloud::Task;
use crate::{Request, Result};

fn gemini(model: &str, base_url: Option<&str>) -> Gemini {
    Gemini {
        model: model.to_owned(),
        base_url: base_url.map(str::to_owned),
        safety_settings: vec![],
    }
}

fn body(request: Value, task: Task) -> Result<Value> {
    let request = Request::from_json(request).unwrap();
    let http = gemini("m", None).http(&request, task)?;
    Ok(serde_json::from_str(&http.body).unwrap())
}

/// Compares the fields of `expected` with those of the body.
#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "json! is easier to read without a borrow")]
fn check(request: Value, expected: Value) {
    assert_eq!(body(request, Task::Generate).unwrap(), expected);
}

#[track_caller]
fn refuse(request: Value, message: &str) {
    assert_eq!(body(request, Task::Generate).unwrap_err().message, message);
}

fn user(content: &Value) -> Value {
    json!({ "messages": [{ "role": "user", "content": content }] })
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "json! is easier to read without a borrow")]
fn check_part(part: Value, expected: Value) {
    check(user(&json!([part])), json!({ "contents": [{ "role": "user", "parts": [expected] }] }));
}

#[test]
fn a_partial_answer_is_followed_by_an_instruction_to_continue() {
    let begun = json!({ "role": "model", "content": [{ "text": "One two" }], "metadata": { "prefix": true } });
    let question = json!({ "role": "user", "content": [{ "text": "a" }] });
    let body = body(json!({ "messages": [question, begun] }), Task::Stream).unwrap();
    let contents = body["contents"].as_array().unwrap();
    assert_eq!(contents[1], json!({ "role": "model", "parts": [{ "text": "One two" }] }));
    assert_eq!(contents[2]["role"], "user");
    assert!(contents[2]["parts"][0]["text"].as_str().unwrap().contains("«One two»"));
}

#[test]
fn addresses() {
    let check = |model: &str, base_url: Option<&str>, task: Task, expected: &str| {
        let request = Request::from_json(user(&json!([{ "text": "x" }]))).unwrap();
        assert_eq!(gemini(model, base_url).http(&request, task).unwrap().url, expected);
    };
    let google = "https://generativelanguage.googleapis.com/v1beta";
    check("g", None, Task::Generate, &format!("{google}/models/g:generateContent"));
    check("g", None, Task::Stream, &format!("{google}/models/g:streamGenerateContent?alt=sse"));
    check("g", None, Task::Count, &format!("{google}/models/g:countTokens"));
    check("models/g", None, Task::Count, &format!("{google}/models/g:countTokens"));
    check("g", Some("https://p.test/"), Task::Count, "https://p.test/v1beta/models/g:countTokens");
    check(
        "g",
        Some("https://p.test/a/v1"),
        Task::Count,
        "https://p.test/a/v1/models/g:countTokens",
    );
    check(
        "projects/p/models/g",
        Some("https://f.test"),
        Task::Count,
        "https://f.test/v1beta/projects/p/models/g:countTokens",
    );
    check("g?x#y z", None, Task::Count, &format!("{google}/models/g%3Fx%23y%20z:countTokens"));
}

#[test]
fn roles_and_turns() {
    check(
        json!({ "messages": [
            { "role": "system", "content": [{ "text": "be" }] },
            { "role": "system", "content": [{ "text": "brief" }] },
            { "role": "user", "content": [{ "text": "weather?" }] },
            { "role": "model", "content": [
                { "toolRequest": { "name": "w", "input": { "city": "a" }, "ref": "1" }, "metadata": { "thoughtSignature": "sig" } },
                { "toolRequest": { "name": "w" } },
            ] },
            { "role": "tool", "content": [{ "toolResponse": { "name": "w", "output": { "c": 1 }, "ref": "1" } }] },
            { "role": "tool", "content": [{ "toolResponse": { "name": "w", "output": "warm" } }] },
            { "role": "user", "content": [{ "text": "" }] },
        ] }),
        json!({
            "systemInstruction": { "parts": [{ "text": "be" }, { "text": "brief" }] },
            "contents": [
                { "role": "user", "parts": [{ "text": "weather?" }] },
                { "role": "model", "parts": [
                    { "functionCall": { "id": "1", "name": "w", "args": { "city": "a" } }, "thoughtSignature": "sig" },
                    { "functionCall": { "name": "w", "args": {} } },
                ] },
                { "role": "user", "parts": [
                    { "functionResponse": { "id": "1", "name": "w", "response": { "c": 1 } } },
                    { "functionResponse": { "name": "w", "response": { "output": "warm" } } },
                ] },
            ],
        }),
    );
}

#[test]
fn parts() {
    check_part(
        json!({ "media": { "url": "data:image/png;base64,AA==" } }),
        json!({ "inlineData": { "mimeType": "image/png", "data": "AA==" } }),
    );
    check_part(
        json!({ "media": { "url": "https://x.test/a.pdf", "contentType": "application/pdf" } }),
        json!({ "fileData": { "mimeType": "application/pdf", "fileUri": "https://x.test/a.pdf" } }),
    );
    check_part(json!({ "data": { "a": [1] } }), json!({ "text": "{\"a\":[1]}" }));
    check_part(
        json!({ "custom": { "executableCode": { "code": "1" } } }),
        json!({ "executableCode": { "code": "1" } }),
    );
    check_part(
        json!({ "reasoning": "hm", "metadata": { "thoughtSignature": "s" } }),
        json!({ "text": "hm", "thought": true, "thoughtSignature": "s" }),
    );
    check_part(
        json!({ "text": "", "metadata": { "thoughtSignature": "s" } }),
        json!({ "text": "", "thoughtSignature": "s" }),
    );
    refuse(
        user(&json!([{ "reasoning": "of another model" }])),
        "the request has no message with content besides the system's",
    );
    refuse(
        user(&json!([{ "media": { "url": "blob:https://x/1" } }])),
        "a blob: URL means nothing outside this page; use a data: URL",
    );
    refuse(
        json!({ "messages": [{ "role": "system", "content": [{ "data": 1 }] }] }),
        "a system message may hold text only",
    );
}

#[test]
fn config() {
    let contents = json!([{ "role": "user", "parts": [{ "text": "x" }] }]);
    let mut request = user(&json!([{ "text": "x" }]));
    request["config"] = json!({
        "temperature": 0.5, "topK": 3, "topP": 0.25, "minP": 0.1, "seed": 4_294_967_297_u64, "maxOutputTokens": 9, "stopSequences": ["a"],
        "branches": { "onDevice": { "secret": 1 } },
        "thinkingConfig": { "includeThoughts": true }, "responseLogprobs": true, "presencePenalty": null,
        "cachedContent": "c", "tools": [{ "googleSearch": {} }],
    });
    request["tools"] = json!([{ "name": "f", "description": "d", "inputSchema": { "type": "object", "$schema": "s" } }]);
    request["toolChoice"] = json!("required");
    request["output"] = json!({ "schema": { "type": "string", "pattern": "a" } });
    check(
        request,
        json!({
            "contents": contents,
            "cachedContent": "c",
            "tools": [
                { "functionDeclarations": [{ "name": "f", "description": "d", "parametersJsonSchema": { "type": "object" } }] },
                { "googleSearch": {} },
            ],
            "toolConfig": { "functionCallingConfig": { "mode": "ANY" } },
            "generationConfig": {
                "temperature": 0.5, "topK": 3, "topP": 0.25, "seed": 1, "maxOutputTokens": 9, "stopSequences": ["a"],
                "thinkingConfig": { "includeThoughts": true }, "responseLogprobs": true,
                "responseMimeType": "application/json", "responseJsonSchema": { "type": "string" },
            },
        }),
    );
    let mut request = user(&json!([{ "text": "x" }]));
    request["config"] = json!({ "candidateCount": 2 });
    refuse(request, "candidateCount: only one candidate is supported");
}

#[test]
fn counting_includes_everything() {
    let request = json!({ "messages": [
        { "role": "system", "content": [{ "text": "s" }] },
        { "role": "user", "content": [{ "text": "x" }] },
    ] });
    assert_eq!(
        body(request, Task::Count).unwrap(),
        json!({ "generateContentRequest": {
            "model": "models/m",
            "systemInstruction": { "parts": [{ "text": "s" }] },
            "contents": [{ "role": "user", "parts": [{ "text": "x" }] }],
        } })
    );
}
