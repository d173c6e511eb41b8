//! Finds tool calls without a result, and results without a call.
//!
//! Services refuse a history in which the two do not match: an answer that was stopped between
//! call and result leaves one behind, and so does an edited or imported history.

use crate::{Content, Message, Role, order};

/// A call without a result, or a result without a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dangling {
    /// `messages[message]` calls a tool, and no result follows before the next turn.
    Call {
        /// Index of the message.
        message: usize,
        /// Index of the part.
        part: usize,
    },
    /// `messages[message]` holds a result that no call in front of it requested.
    Result {
        /// Index of the message.
        message: usize,
        /// Index of the part.
        part: usize,
    },
}

/// Returns every call and result in `messages` that lacks its counterpart, in message order.
#[must_use]
pub fn dangling_calls(messages: &[Message]) -> Vec<Dangling> {
    let mut found = Vec::new();
    // Calls of the preceding model message, with the key by which a result refers to each.
    let mut open: Vec<(&str, Dangling)> = Vec::new();
    for (message, Message { role, content, .. }) in messages.iter().enumerate() {
        // Results may be spread over several tool messages; anything else ends the wait for them.
        if *role != Role::Tool && *role != Role::System {
            found.extend(open.drain(..).map(|(_, call)| call));
        }
        for (part, piece) in content.iter().enumerate() {
            match &piece.content {
                Content::ToolRequest(call) => {
                    let key = call.reference.as_deref().unwrap_or(&call.name);
                    open.push((key, Dangling::Call { message, part }));
                }
                Content::ToolResponse(result) => {
                    let key = result.reference.as_deref().unwrap_or(&result.name);
                    match open.iter().position(|(call, _)| *call == key) {
                        Some(at) => drop(open.remove(at)),
                        None => found.push(Dangling::Result { message, part }),
                    }
                }
                _ => {}
            }
        }
    }
    found.extend(open.into_iter().map(|(_, call)| call));
    order::sort_by_key(&mut found, |it| match *it {
        Dangling::Call { message, part } | Dangling::Result { message, part } => (message, part),
    });
    found
}

#[cfg(test)]
mod tests {
    use super::{Dangling, dangling_calls};
    use crate::{Content, Message, Part, Role, ToolRequest, ToolResponse};

    /// `m?a?b` is a model message that calls `a` and `b`, `t!a` a result of `a`, `u` a text.
    fn history(text: &str) -> Vec<Message> {
        text.split_whitespace()
            .map(|word| {
                let role = match &word[..1] {
                    "u" => Role::User,
                    "m" => Role::Model,
                    "s" => Role::System,
                    _ => Role::Tool,
                };
                let mut content = vec![Part::text("x")];
                let mut rest = &word[1..];
                while !rest.is_empty() {
                    let (name, reference) = (rest[1..2].to_owned(), None);
                    content.push(Part::from(if rest.starts_with('?') {
                        Content::ToolRequest(ToolRequest { name, input: None, reference })
                    } else {
                        Content::ToolResponse(ToolResponse { name, output: None, reference })
                    }));
                    rest = &rest[2..];
                }
                Message { role, content, metadata: None }
            })
            .collect()
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found: Vec<String> = dangling_calls(&history(text))
            .into_iter()
            .map(|it| match it {
                Dangling::Call { message, part } => format!("?{message}.{part}"),
                Dangling::Result { message, part } => format!("!{message}.{part}"),
            })
            .collect();
        assert_eq!(found.join(" "), expected, "{text}");
    }

    #[test]
    fn every_call_needs_a_result_before_the_next_turn() {
        check("u m?a t!a m", "");
        check("u m?a?b t!b!a m", "");
        check("u m?a?b t!b t!a m", "");
        check("u m?a u m", "?1.1");
        check("u m?a?b t!a", "?1.2");
        check("u m?a m t!a", "?1.1 !3.1");
        check("u t!a m", "!1.1");
        check("u m?a t!a!a", "!2.2");
        check("u m?a?a t!a!a", "");
        check("", "");
    }

    #[test]
    fn a_reference_takes_precedence_over_the_name() {
        let mut messages = history("u m?a?a t!a!a");
        let name = |part: &mut Part, to: &str| match &mut part.content {
            Content::ToolRequest(it) => it.reference = Some(to.to_owned()),
            Content::ToolResponse(it) => it.reference = Some(to.to_owned()),
            _ => {}
        };
        for (message, part, to) in [(1, 1, "1"), (1, 2, "2"), (2, 1, "2"), (2, 2, "3")] {
            name(&mut messages[message].content[part], to);
        }
        let first = Dangling::Call { message: 1, part: 1 };
        assert_eq!(dangling_calls(&messages), [first, Dangling::Result { message: 2, part: 2 }]);
    }
}
