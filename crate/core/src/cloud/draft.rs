//! An answer in progress, in the types of this package.

use serde_json::{Map, Value};

use crate::{Confidence, Content, FinishReason, Message, Part, Piece, Reply, Role, Usage};

/// The answer so far.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    parts: Vec<Part>,
    logprobs: Vec<f64>,
    /// The reason why it ended, and the provider's name for it, once known.
    pub(crate) finish: Option<(FinishReason, String)>,
    pub(crate) usage: Usage,
    /// The mean log-probability, if a service reports only that.
    pub(crate) mean_logprob: Option<f64>,
    /// Other fields of the service's reply, unchanged.
    pub(crate) raw: Map<String, Value>,
}

impl Draft {
    /// Adds the content of one event, and returns the visible part.
    pub(crate) fn add(&mut self, parts: Vec<Part>, logprobs: Vec<f64>) -> Option<Piece> {
        let content: Vec<Part> = parts.iter().filter(|part| !part.is_empty()).cloned().collect();
        for part in parts {
            self.push(part);
        }
        self.logprobs.extend_from_slice(&logprobs);
        let logprobs = (!logprobs.is_empty()).then_some(logprobs);
        (!content.is_empty()).then_some(Piece { content, logprobs })
    }

    /// Merges adjacent parts of one kind. A part with metadata stays separate, because a reasoning
    /// signature is valid only for its own part.
    fn push(&mut self, part: Part) {
        if part.metadata.is_none() {
            if part.is_empty() {
                return;
            }
            if let Some(last @ Part { metadata: None, .. }) = self.parts.last_mut() {
                match (&mut last.content, &part.content) {
                    (Content::Text(text), Content::Text(more))
                    | (Content::Reasoning(text), Content::Reasoning(more)) => {
                        text.push_str(more);
                        return;
                    }
                    _ => {}
                }
            }
        }
        self.parts.push(part);
    }

    /// Whether any visible content has arrived.
    pub(crate) fn has_content(&self) -> bool {
        self.parts.iter().any(|part| !part.is_empty())
    }

    /// Returns the message so far.
    pub(crate) fn message(&self) -> Message {
        Message { role: Role::Model, content: self.parts.clone(), metadata: None }
    }

    /// Returns the reply, once the service has reported why it ended.
    pub(crate) fn reply(&self) -> Option<Reply> {
        let (finish_reason, word) = self.finish.clone()?;
        Some(Reply {
            message: self.message(),
            finish_reason,
            finish_message: (!word.is_empty()).then_some(word),
            usage: self.usage,
            confidence: Confidence::of(&self.logprobs).or_else(|| self.mean_confidence()),
            raw: (!self.raw.is_empty()).then(|| Value::Object(self.raw.clone())),
        })
    }

    /// If a service reports only the mean, it is used for the other two.
    fn mean_confidence(&self) -> Option<Confidence> {
        let mean = self.mean_logprob?;
        let tokens = self.usage.output_tokens.unwrap_or_default();
        Some(Confidence {
            tokens,
            mean_logprob: mean,
            min_logprob: mean,
            p10_logprob: mean,
            first_margin: None,
            mean_entropy: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value};

    use super::Draft;
    use crate::Part;

    fn signed(mut part: Part) -> Part {
        part.metadata = Some(Map::from_iter([("thoughtSignature".into(), Value::from("s"))]));
        part
    }

    #[test]
    fn neighbours_merge_and_signed_parts_do_not() {
        let mut draft = Draft::default();
        let text = |text: &str| Part::text(text);
        let parts =
            vec![Part::reasoning("a"), Part::reasoning("b"), text("c"), text(""), text("d")];
        assert_eq!(draft.add(parts, vec![]).unwrap().content.len(), 4, "the empty one is unseen");
        assert_eq!(draft.add(vec![text("")], vec![]), None);
        assert_eq!(draft.add(vec![signed(text(""))], vec![]), None, "kept, but nothing to see");
        draft.add(vec![text("e")], vec![]);
        assert_eq!(
            draft.message().content,
            [Part::reasoning("ab"), text("cd"), signed(text("")), text("e")]
        );
    }
}
