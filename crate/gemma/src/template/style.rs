//! Properties of a file's own chat template: whether it exists, and how revisions of Gemma 4's
//! differ.

use serde::Deserialize;

use crate::gguf::{Gguf, Value};
use crate::tools::gemma4::{CHANNEL, THINK};

/// Properties of a file's chat template.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether the file has a chat template. Base models have none, and some converters store it
    /// elsewhere.
    pub has_template: bool,
    /// Whether the lack of a template shows a base model: the file's converter, which names the
    /// file's type as llama.cpp's does, would have written one.
    pub is_base: bool,
    /// Whether an answer without thinking begins with an empty thought.
    pub closes_thought: bool,
    /// Whether the marker that enables thinking is on a line of its own.
    pub thinks_on_own_line: bool,
}

impl Style {
    pub(crate) fn read(gguf: &Gguf) -> Self {
        let template = gguf.value("tokenizer.chat_template").and_then(Value::as_text);
        let says = |text: &str| template.is_some_and(|it| it.contains(text));
        // In a template, a line break within quotes is an escape sequence.
        let says_either = |text: &str| says(&text.replace('\n', "\\n")) || says(text);
        let has_template = template.is_some_and(|it| !it.trim().is_empty());
        let names_type = gguf.value("general.type").and_then(Value::as_text) == Some("model");
        Self {
            has_template,
            is_base: !has_template && names_type,
            closes_thought: says_either(&format!("'{}thought\n{}'", CHANNEL[0], CHANNEL[1])),
            thinks_on_own_line: !says(THINK) || says_either(&format!("{THINK}\n")),
        }
    }
}

/// The form in which conversations are rendered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// As turns, except for a base model.
    #[default]
    Auto,
    /// Always as turns.
    Chat,
    /// As plain text, which the model continues.
    None,
}
