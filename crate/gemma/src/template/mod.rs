//! Renders a conversation as token IDs in the format on which a model was trained.
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
//! [`gemma`], [`function_gemma`] and [`gemma4`] determine the turns. Control tokens are inserted
//! between texts; texts are never parsed for them, so a user cannot type a turn or a call.

mod function_gemma;
mod gemma;
mod gemma4;
mod style;
mod thinking;

use std::ops::Range;

use hybridge_core::{Content, Error, Message, Part, Request, Result, Status};

pub use style::{Form, Style};
pub use thinking::Thinking;

use crate::tokenizer::{Control, Tokenizer};
use crate::tools::{self, Dialect, Segment};

/// Line breaks around a picture, as in transformers' processor of Gemma 3.
const AROUND_PICTURE: &str = "\n\n";

const USER: &str = "user";
const MODEL: &str = "model";
const DEVELOPER: &str = "developer";
const SYSTEM: &str = "system";

/// An answer generated here, with the token IDs that were chosen.
///
/// Tokenizing its text could give other IDs, because a model may split a word that the tokenizer
/// would merge. When the answer recurs in a conversation, these IDs are used, so that the cache
/// remains valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The whole turn, as written by [`Dialect::said`].
    pub said: Vec<Segment>,
    /// Its token IDs.
    pub ids: Vec<u32>,
}

/// The tokens around a picture's rows.
#[must_use]
pub fn marks_of_pictures(dialect: Dialect) -> [&'static str; 2] {
    match dialect {
        Dialect::JsonCall | Dialect::FunctionGemma => ["<start_of_image>", "<end_of_image>"],
        Dialect::Gemma4 => ["<|image>", "<image|>"],
    }
}

/// A turn in progress.
#[derive(Clone, Debug)]
struct Turn {
    speaker: &'static str,
    parts: Vec<TurnPart>,
    /// Whether the model is to continue it.
    is_open: bool,
    /// Whether it continues the previous turn without a header.
    is_continued: bool,
}

#[derive(Clone, Debug)]
enum TurnPart {
    /// Text from the model, in one answer.
    Said(Vec<Segment>),
    /// Text from another role.
    Given(Vec<Segment>),
    /// A picture, as the IDs of its rows.
    Picture(Range<u32>),
}

impl Turn {
    fn of(speaker: &'static str, parts: Vec<TurnPart>) -> Self {
        Self { speaker, parts, is_open: false, is_continued: false }
    }
}

/// Returns the token IDs of a conversation, up to where the model's next answer begins.
pub fn render(tokenizer: &Tokenizer, request: &Request, known: &[Answer]) -> Result<Vec<u32>> {
    render_with(tokenizer, request, known, &[])
}

/// The same with the pictures of the request's media parts, in order, by the IDs of their rows.
pub fn render_with(
    tokenizer: &Tokenizer,
    request: &Request,
    known: &[Answer],
    pictures: &[Range<u32>],
) -> Result<Vec<u32>> {
    let mut pictures = Pictures(pictures.iter());
    if tokenizer.is_raw() {
        return raw(tokenizer, request);
    }
    let dialect = Dialect::of(tokenizer);
    let style = tokenizer.style();
    let mut turns = match dialect {
        Dialect::JsonCall => gemma::turns(request, &mut pictures)?,
        Dialect::FunctionGemma => function_gemma::turns(request)?,
        Dialect::Gemma4 => gemma4::turns(request, style, &mut pictures)?,
    };
    let begun = turns.last_mut().filter(|it| it.speaker == MODEL && !it.is_open);
    if let Some(turn) = begun.filter(|_| request.messages.last().is_some_and(Message::is_prefix)) {
        // A partial answer is continued, so its turn stays open.
        turn.is_open = true;
        if dialect == Dialect::Gemma4 {
            turn.parts.insert(0, TurnPart::Given(gemma4::closed_thought(request, style)?));
        }
    }
    let [open, close] = match dialect {
        Dialect::JsonCall | Dialect::FunctionGemma => ["<start_of_turn>", "<end_of_turn>"],
        Dialect::Gemma4 => tools::gemma4::TURN,
    };
    let ids = vec![tokenizer.bos()?];
    let mut writer = Writer { tokenizer, dialect, ids, text: String::new() };
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

/// Returns only the texts, for a model to continue.
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
    dialect: Dialect,
    ids: Vec<u32>,
    /// Text that is not yet tokenized: adjacent texts are tokenized as one.
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
            TurnPart::Picture(ids) => return self.picture(ids.clone()),
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

    /// Returns a picture's rows between the markers used in training.
    fn picture(&mut self, ids: Range<u32>) -> Result<()> {
        let around = if self.dialect == Dialect::Gemma4 { "" } else { AROUND_PICTURE };
        let [open, close] = marks_of_pictures(self.dialect);
        self.text.push_str(around);
        self.control(open)?;
        self.ids.extend(ids);
        self.control(close)?;
        self.text.push_str(around);
        Ok(())
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

/// Pictures that are not placed yet.
struct Pictures<'a>(std::slice::Iter<'a, Range<u32>>);

/// Renders a user message: text and pictures in order.
fn spoken(message: &Message, pictures: &mut Pictures<'_>) -> Result<Vec<TurnPart>> {
    let is_media = |part: &Part| matches!(part.content, Content::Media(_));
    let mut parts = Vec::new();
    for group in message.content.chunk_by(|a, b| !is_media(a) && !is_media(b)) {
        if group.iter().any(is_media) {
            let shown = pictures.0.next().ok_or_else(no_picture)?;
            parts.push(TurnPart::Picture(shown.clone()));
        } else {
            parts.push(given(words_of_parts(group)?.trim()));
        }
    }
    if parts.is_empty() {
        parts.push(given(""));
    }
    Ok(parts)
}

/// Renders the text of a message. Reasoning is not part of the conversation, and each dialect
/// renders calls and results.
fn words_of(message: &Message) -> Result<String> {
    words_of_parts(&message.content)
}

fn words_of_parts(parts: &[Part]) -> Result<String> {
    let mut text = String::new();
    for part in parts {
        match &part.content {
            Content::Text(part) => text.push_str(part),
            Content::Data(value) => text.push_str(&value.to_string()),
            Content::Reasoning(_) | Content::ToolRequest(_) | Content::ToolResponse(_) => {}
            Content::Media(_) => return Err(no_picture()),
            Content::Custom(_) => return Err(unsupported("custom parts", "PART_UNSUPPORTED")),
        }
    }
    Ok(text)
}

fn given(text: impl Into<String>) -> TurnPart {
    TurnPart::Given(vec![Segment::text(text.into())])
}

fn unsupported(what: &'static str, code: &'static str) -> Error {
    Error::new(Status::Unimplemented, format!("{what} are not supported for this model"))
        .with_code(code)
}

/// The error of a media part without the rows of a picture, or of a model that does not support
/// pictures.
fn no_picture() -> Error {
    Error::invalid(
        "this model reads pictures only in a user's message, and only if it was loaded with its mmproj file: ask a model that takes media",
    )
    .with_code("MEDIA_UNSUPPORTED")
}

fn no_message() -> Error {
    Error::invalid("the request has no message")
}
