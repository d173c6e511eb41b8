//! Reads an answer in Gemini's format, chunk by chunk.

use serde_json::{Map, Value};

use crate::cloud::Draft;
use crate::json::{Look as _, object};
use crate::{Content, FinishReason, Media, Part, Piece, ToolRequest};

/// Reads a chunk, or a complete answer, which has the same format. Every field may be missing.
pub(super) fn take(chunk: &Value, draft: &mut Draft) -> Option<Piece> {
    if let Some(block) = chunk.get("promptFeedback").and_then(|it| it.text("blockReason")) {
        draft.finish = Some((FinishReason::Blocked, block.to_owned()));
    }
    if let Some(usage) = chunk.some("usageMetadata") {
        take_usage(usage, draft);
    }
    // The response of countTokens.
    if let Some(total) = chunk.count("totalTokens") {
        draft.usage.input_tokens = Some(total);
    }
    let candidate = chunk
        .list("candidates")
        .iter()
        .find(|candidate| candidate.count("index").unwrap_or_default() == 0);
    keep_raw(chunk, candidate, draft);
    let candidate = candidate?;
    if let Some(word) = candidate.text("finishReason") {
        draft.finish = Some((finish_reason(word), word.to_owned()));
    }
    if let Some(mean) = candidate.some("avgLogprobs").and_then(Value::as_f64) {
        draft.mean_logprob = Some(mean);
    }
    let chosen = candidate.get("logprobsResult").map_or(&[][..], |it| it.list("chosenCandidates"));
    let logprobs = chosen.iter().filter_map(|it| it.get("logProbability")?.as_f64()).collect();
    let parts = candidate.get("content").map_or(&[][..], |it| it.list("parts"));
    draft.add(parts.iter().filter_map(part).collect(), logprobs)
}

/// Maps the provider's finish reason like Genkit; reasons for images are treated like those for
/// text. The list is open.
fn finish_reason(word: &str) -> FinishReason {
    match word {
        "STOP" => FinishReason::Stop,
        "MAX_TOKENS" => FinishReason::Length,
        "SAFETY"
        | "RECITATION"
        | "LANGUAGE"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION" => FinishReason::Blocked,
        "MALFORMED_FUNCTION_CALL"
        | "MISSING_THOUGHT_SIGNATURE"
        | "UNEXPECTED_TOOL_CALL"
        | "TOO_MANY_TOOL_CALLS"
        | "MALFORMED_RESPONSE"
        | "NO_IMAGE"
        | "IMAGE_OTHER"
        | "OTHER" => FinishReason::Other,
        _ => FinishReason::Unknown,
    }
}

/// Counts are cumulative, so the last one is valid. Gemini's candidate count excludes reasoning;
/// ours includes it.
fn take_usage(wire: &Value, draft: &mut Draft) {
    let usage = &mut draft.usage;
    let words = usage.output_tokens.map(|it| it.saturating_sub(usage.thoughts_tokens.unwrap_or(0)));
    let words = wire.count("candidatesTokenCount").or(words);
    for (name, count) in [
        ("promptTokenCount", &mut usage.input_tokens),
        ("totalTokenCount", &mut usage.total_tokens),
        ("thoughtsTokenCount", &mut usage.thoughts_tokens),
        ("cachedContentTokenCount", &mut usage.cached_content_tokens),
    ] {
        *count = wire.count(name).or(*count);
    }
    usage.output_tokens = match (words, usage.thoughts_tokens) {
        (None, thoughts) => thoughts,
        (Some(words), thoughts) => Some(words.saturating_add(thoughts.unwrap_or(0))),
    };
}

/// Collects everything but the content: ratings, citations, the model's version.
fn keep_raw(chunk: &Value, candidate: Option<&Value>, draft: &mut Draft) {
    for (name, value) in chunk.as_object().into_iter().flatten() {
        if name != "candidates" && !value.is_null() {
            draft.raw.insert(name.clone(), value.clone());
        }
    }
    let Some(Value::Object(candidate)) = candidate else { return };
    let kept = draft.raw.entry("candidates").or_insert_with(|| vec![object([])].into());
    if let Some(Value::Object(kept)) = kept.get_mut(0) {
        for (name, value) in candidate {
            if name != "content" && !value.is_null() {
                kept.insert(name.clone(), value.clone());
            }
        }
    }
}

fn part(wire: &Value) -> Option<Part> {
    let is_thought = wire.get("thought").and_then(Value::as_bool).unwrap_or_default();
    let content = if let Some(text) = wire.text("text") {
        if is_thought {
            Content::Reasoning(text.to_owned())
        } else {
            Content::Text(text.to_owned())
        }
    } else if let Some(call) = wire.some("functionCall") {
        Content::ToolRequest(ToolRequest {
            name: call.text("name").unwrap_or_default().to_owned(),
            input: call.some("args").cloned(),
            reference: call.text("id").map(str::to_owned),
        })
    } else if let Some(inline) = wire.some("inlineData") {
        let content_type = inline.text("mimeType").unwrap_or("application/octet-stream");
        let data = inline.text("data").unwrap_or_default();
        Content::Media(Media {
            url: format!("data:{content_type};base64,{data}"),
            content_type: Some(content_type.to_owned()),
        })
    } else if let Some(file) = wire.some("fileData") {
        Content::Media(Media {
            url: file.text("fileUri").unwrap_or_default().to_owned(),
            content_type: file.text("mimeType").map(str::to_owned),
        })
    } else {
        let mut custom = wire.as_object()?.clone();
        let signature = custom.remove("thoughtSignature");
        if custom.is_empty() {
            // A signature without text is kept on an empty text part.
            signature.as_ref()?;
            Content::Text(String::new())
        } else {
            Content::Custom(custom)
        }
    };
    let signature = wire.some("thoughtSignature");
    let metadata =
        signature.map(|it| Map::from_iter([("thoughtSignature".to_owned(), it.clone())]));
    Some(Part { content, metadata })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Draft, finish_reason, take_usage};
    use crate::FinishReason;

    /// Adds output and reasoning, whichever was reported last.
    #[track_caller]
    fn check_usage(wires: &[Value], output: Option<u64>, thoughts: Option<u64>) {
        let mut draft = Draft::default();
        for wire in wires {
            take_usage(wire, &mut draft);
        }
        assert_eq!((draft.usage.output_tokens, draft.usage.thoughts_tokens), (output, thoughts));
    }

    #[test]
    fn reasoning_is_part_of_the_output() {
        let words = json!({ "candidatesTokenCount": 5 });
        let thoughts = json!({ "thoughtsTokenCount": 3 });
        let both = json!({ "candidatesTokenCount": 7, "thoughtsTokenCount": 4 });
        check_usage(&[], None, None);
        check_usage(std::slice::from_ref(&words), Some(5), None);
        check_usage(std::slice::from_ref(&thoughts), Some(3), Some(3));
        check_usage(&[thoughts.clone(), words.clone()], Some(8), Some(3));
        check_usage(&[words.clone(), thoughts, json!({})], Some(8), Some(3));
        check_usage(&[words, both.clone(), both], Some(11), Some(4));
    }

    #[test]
    fn finish_reasons_map_like_genkits() {
        for (word, expected) in [
            ("STOP", FinishReason::Stop),
            ("MAX_TOKENS", FinishReason::Length),
            ("SAFETY", FinishReason::Blocked),
            ("SPII", FinishReason::Blocked),
            ("IMAGE_SAFETY", FinishReason::Blocked),
            ("MALFORMED_FUNCTION_CALL", FinishReason::Other),
            ("OTHER", FinishReason::Other),
            ("FINISH_REASON_UNSPECIFIED", FinishReason::Unknown),
            ("SOMETHING_NEW", FinishReason::Unknown),
        ] {
            assert_eq!(finish_reason(word), expected, "{word}");
        }
    }
}
