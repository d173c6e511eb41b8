//! FunctionGemma's turns. The first is the developer's, with the declarations; calls, their results
//! and the following text share one turn of the model.
//!
//! Source: the model's card and its chat template.

use hybridge_core::{Request, Result, Role, ToolChoice};

use super::{DEVELOPER, MODEL, Turn, TurnPart, USER, given, no_message, words_of};
use crate::tools::function_gemma::{NOTATION, declarations};
use crate::tools::{Dialect, answered_in_order};

/// Renders the developer's turn, then alternating turns of user and model.
pub(super) fn turns(request: &Request) -> Result<Vec<Turn>> {
    let mut system: Vec<String> = Vec::new();
    let mut turns: Vec<Turn> = Vec::new();
    let mut calls = Vec::new();
    for message in &request.messages {
        let words = words_of(message)?;
        let words = words.trim();
        let (speaker, parts) = match message.role {
            Role::System if turns.is_empty() => {
                system.push(words.to_owned());
                continue;
            }
            Role::System | Role::User => (USER, vec![given(words)]),
            Role::Model => {
                calls = message.content.clone();
                let said = Dialect::FunctionGemma.said(words, &message.content);
                (MODEL, vec![TurnPart::Said(said)])
            }
            Role::Tool => {
                let results = answered_in_order(&message.content, &calls).into_iter();
                let results = results.flat_map(|result| NOTATION.response(result)).collect();
                (MODEL, vec![TurnPart::Given(results)])
            }
        };
        let is_result = message.role == Role::Tool;
        if turns.is_empty() && speaker == MODEL {
            turns.push(Turn::of(USER, Vec::new()));
        }
        match turns.last_mut().filter(|last| last.speaker == speaker) {
            Some(last) => {
                // Results, and the text after them, continue the turn without a marker.
                if !is_result && !last.is_open {
                    last.parts.push(given("\n\n"));
                }
                last.parts.extend(parts);
                last.is_open = is_result;
            }
            None => turns.push(Turn { is_open: is_result, ..Turn::of(speaker, parts) }),
        }
    }
    // Only the last turn can be unfinished.
    let last = turns.len().saturating_sub(1);
    turns.iter_mut().take(last).for_each(|turn| turn.is_open = false);
    let has_tools = !request.tools.is_empty() && request.tool_choice != Some(ToolChoice::None);
    if turns.is_empty() && system.is_empty() && !has_tools {
        return Err(no_message());
    }
    let mut developer = Vec::new();
    if !system.is_empty() {
        developer.push(given(system.join("\n\n")));
    }
    if has_tools {
        if !system.is_empty() {
            developer.push(given("\n"));
        }
        developer.push(TurnPart::Given(declarations(&request.tools)));
    }
    if !developer.is_empty() {
        turns.insert(0, Turn::of(DEVELOPER, developer));
    }
    Ok(turns)
}
