//! A conversation as the token ids that Gemma 3 was trained on.
//!
//! ```text
//! <bos><start_of_turn>user
//! {system}
//!
//! {first question}<end_of_turn>
//! <start_of_turn>model
//! {answer}<end_of_turn>
//! <start_of_turn>user
//! {next question}<end_of_turn>
//! <start_of_turn>model
//! ```
//!
//! Control ids are put between texts; the texts themselves are never parsed for them, so that
//! nobody can type a turn.

use hybridge_core::{Content, Error, Message, Request, Result, Role, Status};

use crate::tokenizer::{Control, Tokenizer};

/// An answer that a model gave here, with the ids it chose.
///
/// The ids of its text can be others: a model may spell a word in pieces that the tokenizer would
/// have merged. Where the text comes back in a conversation, these ids stand for it, and the cache
/// goes on where it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// All of its text.
    pub text: String,
    /// The ids that make it.
    pub ids: Vec<u32>,
}

/// A turn with its texts joined, trimmed as the template asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Turn {
    is_model: bool,
    text: String,
}

/// The ids of a conversation, up to where the model's next answer begins.
pub fn render(tokenizer: &Tokenizer, request: &Request, known: &[Answer]) -> Result<Vec<u32>> {
    let (system, turns) = turns(request)?;
    let start = tokenizer.control("<start_of_turn>")?;
    let end = tokenizer.control("<end_of_turn>")?;
    let text = |text: &str, ids: &mut Vec<u32>| tokenizer.encode_into(text, Control::AsText, ids);
    let mut ids = vec![tokenizer.bos()?];
    for (index, turn) in turns.iter().enumerate() {
        ids.push(start);
        if turn.is_model {
            match known.iter().find(|answer| answer.text == turn.text) {
                Some(answer) => {
                    text("model\n", &mut ids);
                    ids.extend(&answer.ids);
                }
                None => text(&format!("model\n{}", turn.text), &mut ids),
            }
        } else {
            // The system's text stands before the first question, untrimmed.
            let prefix = if index == 0 { system.as_str() } else { "" };
            text(&format!("user\n{prefix}{}", turn.text), &mut ids);
        }
        ids.push(end);
        text("\n", &mut ids);
    }
    ids.push(start);
    text("model\n", &mut ids);
    Ok(ids)
}

/// What goes before the first question, and turns that alternate, beginning with a person's.
fn turns(request: &Request) -> Result<(String, Vec<Turn>)> {
    if !request.tools.is_empty() {
        return Err(unsupported("tools", "TOOLS_UNSUPPORTED"));
    }
    let mut system = String::new();
    let mut turns: Vec<Turn> = Vec::new();
    for message in &request.messages {
        let text = text_of(message)?;
        let is_model = match message.role {
            Role::System if turns.is_empty() => {
                system.push_str(&text);
                system.push_str("\n\n");
                continue;
            }
            // Later instructions have no place of their own: they are said by the person.
            Role::System | Role::User => false,
            Role::Model => true,
            Role::Tool => return Err(unsupported("results of tools", "TOOLS_UNSUPPORTED")),
        };
        if turns.is_empty() && is_model {
            turns.push(Turn { is_model: false, text: String::new() });
        }
        let text = text.trim();
        match turns.last_mut() {
            Some(last) if last.is_model == is_model => {
                last.text.push_str("\n\n");
                last.text.push_str(text);
            }
            _ => turns.push(Turn { is_model, text: text.to_owned() }),
        }
    }
    if turns.is_empty() {
        if system.is_empty() {
            return Err(Error::invalid("the request has no message"));
        }
        turns.push(Turn { is_model: false, text: String::new() });
    }
    Ok((system, turns))
}

/// The text of a message. What the model thought is not part of the conversation.
fn text_of(message: &Message) -> Result<String> {
    let mut text = String::new();
    for part in &message.content {
        match &part.content {
            Content::Text(part) => text.push_str(part),
            Content::Reasoning(_) => {}
            Content::Data(value) => text.push_str(&value.to_string()),
            Content::Media(_) => return Err(unsupported("media", "MEDIA_UNSUPPORTED")),
            Content::ToolRequest(_) | Content::ToolResponse(_) => {
                return Err(unsupported("calls of tools", "TOOLS_UNSUPPORTED"));
            }
            Content::Custom(_) => return Err(unsupported("custom parts", "PART_UNSUPPORTED")),
        }
    }
    Ok(text)
}

fn unsupported(what: &'static str, code: &'static str) -> Error {
    Error::new(Status::Unimplemented, format!("{what} are not built for this model"))
        .with_code(code)
}
