//! A conversation as the token ids that a model was trained on.
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
//! Who says what is decided by [`gemma`], [`function_gemma`] and [`gemma4`]. Control ids are put between texts; the texts
//! themselves are never parsed for them, so that no user can type a turn or a call.

mod function_gemma;
mod gemma;
mod gemma4;
mod style;
mod thinking;

use hybridge_core::{Content, Error, Message, Request, Result, Status};

pub use style::{Form, Style};
pub use thinking::Thinking;

use crate::tokenizer::{Control, Tokenizer};
use crate::tools::{self, Dialect, Segment};

const USER: &str = "user";
const MODEL: &str = "model";
const DEVELOPER: &str = "developer";
const SYSTEM: &str = "system";

/// An answer that a model gave here, with the ids it chose.
///
/// The ids of its text can be others: a model may spell a word in pieces that the tokenizer would
/// have merged. Where the answer comes back in a conversation, these ids stand for it, and the cache
/// goes on where it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// All of it, as [`Dialect::said`] writes it.
    pub said: Vec<Segment>,
    /// The ids that make it.
    pub ids: Vec<u32>,
}

/// A turn under way.
#[derive(Clone, Debug)]
struct Turn {
    speaker: &'static str,
    parts: Vec<TurnPart>,
    /// Whether the model goes on in it.
    is_open: bool,
    /// Whether it goes on in the turn before, so that nothing announces it.
    is_continued: bool,
}

#[derive(Clone, Debug)]
enum TurnPart {
    /// By the model, in one answer.
    Said(Vec<Segment>),
    /// By anybody else.
    Given(Vec<Segment>),
}

impl Turn {
    fn of(speaker: &'static str, parts: Vec<TurnPart>) -> Self {
        Self { speaker, parts, is_open: false, is_continued: false }
    }
}

/// The ids of a conversation, up to where the model's next answer begins.
pub fn render(tokenizer: &Tokenizer, request: &Request, known: &[Answer]) -> Result<Vec<u32>> {
    if tokenizer.is_raw() {
        return raw(tokenizer, request);
    }
    let dialect = Dialect::of(tokenizer);
    let style = tokenizer.style();
    let mut turns = match dialect {
        Dialect::JsonCall => gemma::turns(request)?,
        Dialect::FunctionGemma => function_gemma::turns(request)?,
        Dialect::Gemma4 => gemma4::turns(request, style)?,
    };
    let begun = turns.last_mut().filter(|it| it.speaker == MODEL && !it.is_open);
    if let Some(turn) = begun.filter(|_| request.messages.last().is_some_and(Message::is_prefix)) {
        // An answer that was begun is gone on in: its turn stays open.
        turn.is_open = true;
        if dialect == Dialect::Gemma4 {
            turn.parts.insert(0, TurnPart::Given(gemma4::closed_thought(request, style)?));
        }
    }
    let [open, close] = match dialect {
        Dialect::JsonCall | Dialect::FunctionGemma => ["<start_of_turn>", "<end_of_turn>"],
        Dialect::Gemma4 => tools::gemma4::TURN,
    };
    let mut writer = Writer { tokenizer, ids: vec![tokenizer.bos()?], text: String::new() };
    for turn in &turns {
        if !turn.is_continued {
            writer.control(open)?;
            writer.text.push_str(turn.speaker);
            writer.text.push('\n');
        }
        for part in &turn.parts {
            writer.part(part, known)?;
        }
        if !turn.is_open {
            writer.control(close)?;
            writer.text.push('\n');
        }
    }
    if !turns.last().is_some_and(|turn| turn.is_open) {
        writer.control(open)?;
        writer.text.push_str("model\n");
        if dialect == Dialect::Gemma4 {
            writer.segments(&gemma4::closed_thought(request, style)?)?;
        }
    }
    writer.flush();
    Ok(writer.ids)
}

/// The texts alone, for a model to continue.
fn raw(tokenizer: &Tokenizer, request: &Request) -> Result<Vec<u32>> {
    if tools::has_tools(request) {
        return Err(Error::new(
            Status::Unimplemented,
            "a model that continues texts calls no tools: choose an instruction-tuned file (-it)",
        )
        .with_code("TOOLS_UNSUPPORTED"));
    }
    if request.messages.is_empty() {
        return Err(no_message());
    }
    let texts: Vec<String> = request.messages.iter().map(words_of).collect::<Result<_>>()?;
    let mut ids = vec![tokenizer.bos()?];
    tokenizer.encode_into(&texts.join("\n\n"), Control::AsText, &mut ids);
    Ok(ids)
}

struct Writer<'a> {
    tokenizer: &'a Tokenizer,
    ids: Vec<u32>,
    /// Not yet ids: words that follow each other are cut into pieces as one.
    text: String,
}

impl Writer<'_> {
    fn flush(&mut self) {
        self.tokenizer.encode_into(&self.text, Control::AsText, &mut self.ids);
        self.text.clear();
    }

    fn control(&mut self, piece: &str) -> Result<()> {
        self.flush();
        self.ids.push(self.tokenizer.control(piece)?);
        Ok(())
    }

    fn part(&mut self, part: &TurnPart, known: &[Answer]) -> Result<()> {
        let segments = match part {
            TurnPart::Given(segments) => segments,
            TurnPart::Said(segments) => {
                if let Some(answer) = known.iter().find(|answer| answer.said == *segments) {
                    self.flush();
                    self.ids.extend(&answer.ids);
                    return Ok(());
                }
                segments
            }
        };
        self.segments(segments)
    }

    fn segments(&mut self, segments: &[Segment]) -> Result<()> {
        for segment in segments {
            match segment {
                Segment::Control(piece) => self.control(piece)?,
                Segment::Text(text) => self.text.push_str(text),
            }
        }
        Ok(())
    }
}

/// The words of a message. What the model thought is not part of the conversation, and calls and results are written
/// by each dialect.
fn words_of(message: &Message) -> Result<String> {
    let mut text = String::new();
    for part in &message.content {
        match &part.content {
            Content::Text(part) => text.push_str(part),
            Content::Data(value) => text.push_str(&value.to_string()),
            Content::Reasoning(_) | Content::ToolRequest(_) | Content::ToolResponse(_) => {}
            Content::Media(_) => return Err(unsupported("media", "MEDIA_UNSUPPORTED")),
            Content::Custom(_) => return Err(unsupported("custom parts", "PART_UNSUPPORTED")),
        }
    }
    Ok(text)
}

fn given(text: impl Into<String>) -> TurnPart {
    TurnPart::Given(vec![Segment::text(text.into())])
}

fn unsupported(what: &'static str, code: &'static str) -> Error {
    Error::new(Status::Unimplemented, format!("{what} are not built for this model"))
        .with_code(code)
}

fn no_message() -> Error {
    Error::invalid("the request has no message")
}
