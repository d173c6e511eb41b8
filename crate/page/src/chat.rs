//! Conversations for JavaScript: fits them to a context window and finds unmatched tool calls.

use hybridge_core::chat::{Budget, Dangling, Entry, Fit, dangling_calls, fit};
use hybridge_core::{Message, Role};
use wasm_bindgen::prelude::wasm_bindgen;

/// Decides which messages one request carries. `roles` has a letter for each message (`s`, `u`,
/// `m`, `t`), `tokens` its length. Returns `[0, first, tokens]` for messages from `first` on, or
/// `[1, needed, available]` if even the newest turn is too long.
#[wasm_bindgen(js_name = fitConversation)]
pub fn fit_conversation(
    roles: &str,
    tokens: &[u32],
    window: u32,
    answer: u32,
    overhead: u32,
    first: u32,
) -> Vec<u32> {
    let role = |letter| match letter {
        b's' => Role::System,
        b'u' => Role::User,
        b'm' => Role::Model,
        _ => Role::Tool,
    };
    let lengths = tokens.iter().copied();
    let entries: Vec<Entry> = roles
        .bytes()
        .zip(lengths)
        .map(|(letter, tokens)| Entry { role: role(letter), tokens: u64::from(tokens) })
        .collect();
    let budget = Budget { window: window.into(), answer: answer.into(), overhead: overhead.into() };
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    match fit(&entries, budget, first as usize) {
        Fit::From { first, tokens, .. } => vec![0, small(first as u64), small(tokens)],
        Fit::TooLong { needed, available } => vec![1, small(needed), small(available)],
    }
}

/// Returns calls without a result and results without a call, as JSON text of `[{ kind, message,
/// part }, …]`. An unreadable history yields an empty list: it was validated before.
#[wasm_bindgen(js_name = danglingCalls)]
pub fn dangling(messages: &str) -> String {
    let messages = Message::list(messages).unwrap_or_default();
    let found = dangling_calls(&messages).into_iter().map(|it| match it {
        Dangling::Call { message, part } => {
            format!(r#"{{"kind":"call","message":{message},"part":{part}}}"#)
        }
        Dangling::Result { message, part } => {
            format!(r#"{{"kind":"result","message":{message},"part":{part}}}"#)
        }
    });
    format!("[{}]", found.collect::<Vec<_>>().join(","))
}
