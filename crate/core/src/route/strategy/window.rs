//! Prefers the branches whose context window fits the whole request.

use crate::json::Fields;
use crate::route::branch::BranchFacts;
use crate::route::decision::Decision;
use crate::route::inputs::{Inputs, Pause};

/// Decides by the tokens of the request and the window of each branch, with tokens reserved for the
/// answer.
#[derive(Clone, Debug)]
pub struct WindowStrategy {
    /// The branches, in order of preference.
    pub order: Vec<String>,
    /// Tokens reserved for the answer if the request does not limit it.
    pub answer: Option<u64>,
}

/// By default an answer gets a quarter of the window, and at most this, as for conversations.
const USUAL_ANSWER: u64 = 1024;

/// The relation of a request to a window.
enum Room {
    /// The window is not known to be limited.
    Unknown,
    Enough(String),
    TooSmall(String),
}

impl WindowStrategy {
    pub(super) fn read(fields: &mut Fields) -> Self {
        Self { order: fields.keys("order"), answer: fields.count("answerTokens") }
    }

    /// Branches that fit it come first, in their order. The others follow, the largest window
    /// first: they can answer a shortened request.
    pub(super) fn decide(&self, inputs: Inputs<'_>) -> Result<Decision, Pause> {
        let branches = inputs.branches()?;
        let mut fitting = Vec::new();
        let mut others: Vec<(u64, &String)> = Vec::new();
        let mut reasons = Vec::new();
        for key in &self.order {
            let branch = branches.iter().find(|it| it.key == *key);
            match branch.map_or(Ok(Room::Unknown), |it| self.room(it, inputs))? {
                Room::Unknown => fitting.push(key.clone()),
                Room::Enough(count) => {
                    if fitting.is_empty() {
                        reasons.push(format!("fits {key}: {count}"));
                    }
                    fitting.push(key.clone());
                }
                Room::TooSmall(count) => {
                    reasons.push(format!("does not fit {key}: {count}"));
                    let window = branch.and_then(|it| it.window).unwrap_or_default();
                    let at = others.iter().position(|&(it, _)| it < window);
                    others.insert(at.unwrap_or(others.len()), (window, key));
                }
            }
        }
        fitting.extend(others.into_iter().map(|(_, key)| key.clone()));
        let reason =
            if reasons.is_empty() { "no window is known".to_owned() } else { reasons.join("; ") };
        Ok(Decision::order(&fitting).because(reason))
    }

    fn room(&self, branch: &BranchFacts, inputs: Inputs<'_>) -> Result<Room, Pause> {
        let Some(window) = branch.window else { return Ok(Room::Unknown) };
        let limit = inputs.request()?.config.max_output_tokens.map(u64::from);
        let answer = limit.or(self.answer).unwrap_or_else(|| USUAL_ANSWER.min(window / 4));
        let available = window.saturating_sub(answer);
        let (tokens, how) = match inputs.most_tokens()? {
            // A request that is short by every estimate is not counted.
            Some(most) if most <= available => (most, "tokens at most"),
            _ => match counted(branch, inputs)? {
                Some(count) => (count, "tokens, counted"),
                None => (inputs.estimated_tokens()?, "tokens, estimated"),
            },
        };
        let count = format!("{tokens} {how}, of {available}");
        Ok(if tokens <= available { Room::Enough(count) } else { Room::TooSmall(count) })
    }
}

/// Returns the branch's own count. A model without a state is remote: its count would cost a
/// request.
fn counted(branch: &BranchFacts, inputs: Inputs<'_>) -> Result<Option<u64>, Pause> {
    let can = branch.counts_tokens && branch.state.as_deref() == Some("ready");
    if can { inputs.tokens(&branch.key) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    use crate::route::strategy::table::check;

    const TREE: &str = r#"{"window":{"order":["device","cloud"]}}"#;

    fn branches(state: &str, cloud: &str) -> String {
        format!(
            r#"[{{"key":"device","state":"{state}","countsTokens":true,"window":100}},{{"key":"cloud","countsTokens":true{cloud}}}]"#
        )
    }

    fn request(letters: usize, config: &str) -> String {
        let text = "x".repeat(letters);
        format!(
            r#"{{"messages":[{{"role":"user","content":[{{"text":"{text}"}}]}}],"config":{{{config}}}}}"#
        )
    }

    #[test]
    fn a_short_request_is_not_counted() {
        let (branches, request) = (branches("ready", ""), request(10, ""));
        check(
            TREE,
            &[("branches", &branches), ("request", &request)],
            "device cloud fits device: 26 tokens at most, of 75",
        );
    }

    #[test]
    fn a_loaded_branch_counts_and_others_are_estimated() {
        let request = request(200, "");
        let check = |state: &str, cloud: &str, count: Option<&str>, expected: &str| {
            let branches = branches(state, cloud);
            let mut answers = vec![("branches", branches.as_str()), ("request", request.as_str())];
            answers.extend(count.map(|it| ("tokens device", it)));
            check(TREE, &answers, expected);
        };
        check("ready", "", Some("75"), "device cloud fits device: 75 tokens, counted, of 75");
        check(
            "ready",
            "",
            Some("76"),
            "cloud device does not fit device: 76 tokens, counted, of 75",
        );
        check("ready", "", Some("null"), "device cloud fits device: 54 tokens, estimated, of 75");
        check("absent", "", None, "device cloud fits device: 54 tokens, estimated, of 75");
        check(
            "ready",
            r#","window":1000"#,
            Some("90"),
            "cloud device does not fit device: 90 tokens, counted, of 75; fits cloud: 216 tokens at most, of 750",
        );
        // If none fits, the largest window is the closest.
        check(
            "ready",
            r#","window":60"#,
            Some("90"),
            "device cloud does not fit device: 90 tokens, counted, of 75; does not fit cloud: 54 tokens, estimated, of 45",
        );
    }

    #[test]
    fn tokens_are_reserved_for_the_answer() {
        let branches = branches("absent", "");
        for (tree, config, expected) in [
            (
                TREE,
                r#""maxOutputTokens":50"#,
                "cloud device does not fit device: 54 tokens, estimated, of 50",
            ),
            (
                r#"{"window":{"order":["device","cloud"],"answerTokens":40}}"#,
                "",
                "device cloud fits device: 54 tokens, estimated, of 60",
            ),
        ] {
            check(tree, &[("branches", &branches), ("request", &request(200, config))], expected);
        }
    }

    #[test]
    fn without_windows_the_order_is_unchanged() {
        let branches = r#"[{"key":"device"},{"key":"cloud"}]"#;
        check(TREE, &[("branches", branches)], "device cloud no window is known");
    }
}
