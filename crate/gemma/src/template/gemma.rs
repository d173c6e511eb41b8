//! Gemma 3's turns. User and model alternate, and the system message precedes the first question.
//!
//! The model writes calls, and the user's turn contains results.

use hybridge_core::{Request, Result, Role};

use super::{MODEL, Pictures, Turn, TurnPart, USER, given, no_message, spoken, words_of};
use crate::tools::{Dialect, answered_in_order, json_call};

/// Renders alternating turns, beginning with the user's.
pub(super) fn turns(request: &Request, pictures: &mut Pictures<'_>) -> Result<Vec<Turn>> {
    let mut system = String::new();
    let mut turns: Vec<Turn> = Vec::new();
    let mut calls = Vec::new();
    for message in &request.messages {
        let is_user = message.role == Role::User;
        let words = if is_user { String::new() } else { words_of(message)? };
        let (speaker, parts) = match message.role {
            Role::System if turns.is_empty() => {
                system.push_str(&words);
                system.push_str("\n\n");
                continue;
            }
            // The template has no place for later instructions, so they become the user's turn.
            Role::System => (USER, vec![given(words.trim())]),
            Role::User => (USER, spoken(message, pictures)?),
            Role::Model => {
                calls = message.content.clone();
                let said = Dialect::JsonCall.said(words.trim(), &message.content);
                (MODEL, vec![TurnPart::Said(said)])
            }
            Role::Tool => {
                let results = answered_in_order(&message.content, &calls);
                let results: Vec<String> =
                    results.into_iter().map(json_call::response_text).collect();
                (USER, vec![given(results.join("\n") + words.trim())])
            }
        };
        if turns.is_empty() && speaker == MODEL {
            turns.push(Turn::of(USER, Vec::new()));
        }
        match turns.last_mut().filter(|last| last.speaker == speaker) {
            Some(last) => {
                last.parts.push(given("\n\n"));
                last.parts.extend(parts);
            }
            None => turns.push(Turn::of(speaker, parts)),
        }
    }
    if let Some(instructions) = json_call::instructions(&request.tools) {
        system.push_str(&instructions);
        system.push_str("\n\n");
    }
    match turns.first_mut() {
        // The system message is not trimmed.
        Some(first) => first.parts.insert(0, given(system)),
        None if system.is_empty() => return Err(no_message()),
        None => turns.push(Turn::of(USER, vec![given(system)])),
    }
    Ok(turns)
}
