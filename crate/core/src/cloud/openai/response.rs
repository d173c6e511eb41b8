//! Reads an answer of chat completions: complete (`message`) or streamed (`delta`).

use serde_json::Value;

use crate::cloud::Draft;
use crate::json::{Look as _, parse, written};
use crate::{Content, FinishReason, Part, Piece, ToolRequest, Usage};

/// Tool calls, which arrive in fragments and are delivered complete.
#[derive(Clone, Debug, Default)]
pub(super) struct ToolCalls {
    calls: Vec<Call>,
    is_refused: bool,
}

#[derive(Clone, Debug, Default)]
struct Call {
    index: u64,
    id: Option<String>,
    name: String,
    arguments: String,
}

/// Reads a chunk or a complete answer.
pub(super) fn take(chunk: &Value, calls: &mut ToolCalls, draft: &mut Draft) -> Option<Piece> {
    if let Some(usage) = chunk.some("usage") {
        take_usage(usage, draft);
    }
    for (name, value) in chunk.as_object().into_iter().flatten() {
        if name != "choices" && !value.is_null() {
            draft.raw.insert(name.clone(), value.clone());
        }
    }
    let mut choices = chunk.list("choices").iter();
    let choice = choices.find(|choice| choice.count("index").unwrap_or_default() == 0)?;
    let said = choice.some("delta").or_else(|| choice.some("message"));
    let parts = said.map(|said| calls.take(said)).unwrap_or_default();
    if let Some(word) = choice.text("finish_reason") {
        draft.finish = Some((finish_reason(word), word.to_owned()));
    }
    let tokens = choice.get("logprobs").map_or(&[][..], |it| it.list("content"));
    let logprobs = tokens.iter().filter_map(|it| it.get("logprob")?.as_f64()).collect();
    draft.add(parts, logprobs)
}

/// Completes the tool calls at the end of the answer.
pub(super) fn finish(calls: &mut ToolCalls, draft: &mut Draft, pieces: &mut Vec<Piece>) {
    let Some((reason, word)) = &mut draft.finish else { return };
    if std::mem::take(&mut calls.is_refused) {
        *reason = FinishReason::Blocked;
        *word = "refusal".to_owned();
    }
    let parts = std::mem::take(&mut calls.calls).into_iter().map(Call::into_part).collect();
    pieces.extend(draft.add(parts, Vec::new()));
}

fn finish_reason(word: &str) -> FinishReason {
    match word {
        "stop" | "tool_calls" | "function_call" => FinishReason::Stop,
        "length" => FinishReason::Length,
        "content_filter" => FinishReason::Blocked,
        "abort" => FinishReason::Aborted,
        _ => FinishReason::Other,
    }
}

/// The output count includes reasoning, as ours does. If a server counts it separately, its total
/// shows that.
fn take_usage(wire: &Value, draft: &mut Draft) {
    let usage = &mut draft.usage;
    let within = |group: &str, name: &str| wire.get(group).and_then(|it| it.count(name));
    for (found, count) in [
        (wire.count("prompt_tokens"), &mut usage.input_tokens),
        (wire.count("completion_tokens"), &mut usage.output_tokens),
        (wire.count("total_tokens"), &mut usage.total_tokens),
        (within("completion_tokens_details", "reasoning_tokens"), &mut usage.thoughts_tokens),
        (within("prompt_tokens_details", "cached_tokens"), &mut usage.cached_content_tokens),
    ] {
        *count = found.or(*count);
    }
    let Usage { input_tokens, output_tokens, total_tokens, thoughts_tokens, .. } = *usage;
    if let (Some(output), Some(thoughts @ 1..)) = (output_tokens, thoughts_tokens) {
        let apart = input_tokens.unwrap_or(0).saturating_add(output).saturating_add(thoughts);
        if total_tokens == Some(apart) {
            usage.output_tokens = Some(output.saturating_add(thoughts));
        }
    }
}

impl ToolCalls {
    /// Returns the text of a delta; calls are collected.
    fn take(&mut self, said: &Value) -> Vec<Part> {
        let mut parts = Vec::new();
        // There are two spellings: the first of DeepSeek and vLLM, the second of OpenRouter and
        // newer vLLM.
        if let Some(text) = said.text("reasoning_content").or_else(|| said.text("reasoning")) {
            parts.push(Part::reasoning(text));
        }
        if let Some(text) = said.text("content") {
            parts.push(Part::text(text));
        }
        parts.extend(said.list("content").iter().filter_map(|it| it.text("text")).map(Part::text));
        if let Some(text) = said.text("refusal") {
            self.is_refused = true;
            parts.push(Part::text(text));
        }
        for (position, wire) in (0..).zip(said.list("tool_calls")) {
            self.take_call(wire.count("index").unwrap_or(position), wire);
        }
        parts
    }

    fn take_call(&mut self, index: u64, wire: &Value) {
        let id = wire.text("id").filter(|id| !id.is_empty());
        let known = self.calls.iter().rposition(|call| {
            // Some servers number every call 0 and distinguish them by ID only.
            call.index == index && id.is_none_or(|id| call.id.as_deref().is_none_or(|it| it == id))
        });
        if known.is_none() {
            self.calls.push(Call { index, ..Call::default() });
        }
        let known = known.unwrap_or(self.calls.len().saturating_sub(1));
        let Some(call) = self.calls.get_mut(known) else { return };
        if let Some(id) = id {
            call.id = Some(id.to_owned());
        }
        let Some(function) = wire.some("function") else { return };
        call.name.push_str(function.text("name").unwrap_or_default());
        match function.some("arguments") {
            Some(Value::String(fragment)) => call.arguments.push_str(fragment),
            // Ollama sends arguments as an object.
            Some(arguments) => call.arguments = written(arguments),
            None => {}
        }
    }
}

impl Call {
    /// Arguments that aren't JSON are the model's mistake, and are passed on unchanged.
    fn into_part(self) -> Part {
        let input = if self.arguments.trim().is_empty() {
            Value::Object(serde_json::Map::new())
        } else {
            parse(&self.arguments, "arguments").unwrap_or(Value::String(self.arguments))
        };
        Content::ToolRequest(ToolRequest {
            name: self.name,
            input: Some(input),
            reference: self.id,
        })
        .into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Draft, take_usage};
    use crate::Usage;

    #[track_caller]
    fn check(wires: &[Value], [input, output, thoughts, total]: [u64; 4]) {
        let mut draft = Draft::default();
        for wire in wires {
            take_usage(wire, &mut draft);
        }
        let Usage { input_tokens, output_tokens, thoughts_tokens, total_tokens, .. } = draft.usage;
        let found = [input_tokens, output_tokens, thoughts_tokens, total_tokens];
        assert_eq!(found.map(Option::unwrap_or_default), [input, output, thoughts, total]);
    }

    fn usage(prompt: u64, completion: u64, reasoning: u64, total: u64) -> Value {
        json!({
            "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total,
            "completion_tokens_details": { "reasoning_tokens": reasoning },
        })
    }

    #[test]
    fn reasoning_is_part_of_the_output() {
        check(&[usage(7, 5, 3, 12)], [7, 5, 3, 12]);
        check(&[usage(7, 5, 0, 12)], [7, 5, 0, 12]);
        // A server that counts it separately; it is added once, however often it is reported.
        check(&[usage(7, 5, 3, 15)], [7, 8, 3, 15]);
        check(&[usage(7, 5, 3, 15), usage(7, 5, 3, 15), json!({})], [7, 8, 3, 15]);
        check(&[json!({ "completion_tokens": u64::MAX })], [0, u64::MAX, 0, 0]);
    }
}
