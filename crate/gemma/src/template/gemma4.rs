//! Gemma 4's turns. The first is the system's, with the thinking switch and the declarations; then
//! one for each message, where calls, their results and the following text share one turn of the
//! model.
//!
//! ```text
//! <bos><|turn>system
//! <|think|>
//! {system}<|tool>{declaration}<tool|><turn|>
//! <|turn>user
//! {question}<turn|>
//! <|turn>model
//! {call}{result}{words}<turn|>
//! ```
//! Source: the chat template of the released files. There is one difference: text that a model
//! wrote before a call stays before it, instead of moving after the results.

use hybridge_core::{Content, Part, Request, Result, Role};

use super::{
    MODEL, Pictures, SYSTEM, Style, Thinking, Turn, TurnPart, USER, given, no_message, spoken,
    words_of,
};
use crate::tools::gemma4::{
    CHANNEL, NOTATION, THINK, THOUGHT, WAITS, declarations, thought, without_thoughts,
};
use crate::tools::{Dialect, Segment, answered_in_order, has_tools};

/// Renders the system's turn, if there is one, then one for each message.
pub(super) fn turns(
    request: &Request,
    style: Style,
    pictures: &mut Pictures<'_>,
) -> Result<Vec<Turn>> {
    let thinks = Thinking::of(&request.config)?.is_on;
    let mut messages = request.messages.as_slice();
    let mut system = Vec::new();
    if thinks {
        system.push(Segment::Control(THINK));
        if style.thinks_on_own_line {
            system.push(Segment::text("\n"));
        }
    }
    let mut has_system = thinks || has_tools(request);
    if let Some((first, rest)) = messages.split_first().filter(|(it, _)| it.role == Role::System) {
        (messages, has_system) = (rest, true);
        system.push(Segment::text(words_of(first)?.trim().to_owned()));
    }
    if has_tools(request) {
        system.extend(declarations(&request.tools));
    }
    if messages.is_empty() && !has_system {
        return Err(no_message());
    }
    let mut turns = Vec::new();
    if has_system {
        turns.push(Turn::of(SYSTEM, vec![TurnPart::Given(system)]));
    }
    let last_question = messages.iter().rposition(|message| message.role == Role::User);
    let mut calls = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let is_user = message.role == Role::User;
        let words = if is_user { String::new() } else { words_of(message)? };
        let words = words.trim();
        match message.role {
            Role::System => turns.push(Turn::of(SYSTEM, vec![given(words)])),
            Role::User => turns.push(Turn::of(USER, spoken(message, pictures)?)),
            Role::Model => {
                calls = message.content.clone();
                let has_calls =
                    calls.iter().any(|part| matches!(part.content, Content::ToolRequest(_)));
                // Reasoning is part of the conversation only until its question is answered.
                let is_open = last_question.is_none_or(|question| at > question);
                let mut said = thought_of(&message.content, has_calls && is_open);
                said.extend(Dialect::Gemma4.said(without_thoughts(words).trim(), &message.content));
                let mut parts = vec![TurnPart::Said(said)];
                let is_answered = messages.get(at + 1).is_some_and(|next| next.role == Role::Tool);
                if has_calls && !is_answered {
                    parts.push(TurnPart::Given(vec![Segment::Control(WAITS)]));
                }
                let is_continued = turns.last().is_some_and(|turn: &Turn| turn.speaker == MODEL);
                let turn = Turn::of(MODEL, parts);
                turns.push(Turn { is_open: has_calls, is_continued, ..turn });
            }
            Role::Tool => {
                let results = answered_in_order(&message.content, &calls).into_iter();
                let results = results.flat_map(|result| NOTATION.response(result)).collect();
                let is_continued = turns.last().is_some_and(|turn| turn.speaker == MODEL);
                let turn = Turn::of(MODEL, vec![TurnPart::Given(results)]);
                turns.push(Turn { is_open: true, is_continued, ..turn });
            }
        }
    }
    Ok(turns)
}

/// Returns the beginning of an answer without thinking, for templates that require one.
pub(super) fn closed_thought(request: &Request, style: Style) -> Result<Vec<Segment>> {
    if !style.closes_thought || Thinking::of(&request.config)?.is_on {
        return Ok(Vec::new());
    }
    let [open, close] = CHANNEL.map(Segment::Control);
    Ok(vec![open, Segment::text(THOUGHT), close])
}

fn thought_of(content: &[Part], is_kept: bool) -> Vec<Segment> {
    let text: String = content
        .iter()
        .filter_map(|part| match &part.content {
            Content::Reasoning(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    if is_kept && !text.is_empty() { thought(&text) } else { Vec::new() }
}
