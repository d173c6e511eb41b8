//! Chooses one branch for small requests, another for large ones.

use crate::json::Fields;
use crate::route::branch::BranchFacts;
use crate::route::decision::Decision;
use crate::route::inputs::{Inputs, Pause};
use crate::route::rounded;

/// Decides by the length of all text. A request larger than the threshold is large.
#[derive(Clone, Debug)]
pub struct InputSizeStrategy {
    /// The maximum size of a small request.
    pub threshold: f64,
    /// The branch for small requests.
    pub small: String,
    /// The branch for large requests.
    pub large: String,
    /// The unit of size.
    pub unit: Unit,
}

/// The unit of size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// UTF-16 code units, like Dart's `String.length`.
    #[default]
    Characters,
    /// Tokens: by a loaded branch's own tokenizer if there is one, otherwise estimated.
    Tokens,
}

impl InputSizeStrategy {
    pub(super) fn read(fields: &mut Fields) -> Self {
        Self {
            threshold: fields.required_number("threshold"),
            small: fields.required_text("small"),
            large: fields.required_text("large"),
            unit: match fields.text("unit").as_deref() {
                Some("tokens") => Unit::Tokens,
                _ => Unit::Characters,
            },
        }
    }

    pub(super) fn decide(&self, inputs: Inputs<'_>, keys: &[String]) -> Result<Decision, Pause> {
        let (size, unit) = match self.unit {
            Unit::Characters => (inputs.characters()?, "characters"),
            Unit::Tokens => match self.counted(inputs, keys)? {
                Some(count) => (count, "tokens, counted"),
                None => (inputs.estimated_tokens()?, "tokens, estimated"),
            },
        };
        #[expect(clippy::cast_precision_loss, reason = "no prompt has 2^52 characters")]
        let is_large = size as f64 > self.threshold;
        let (key, sign) = if is_large { (&self.large, '>') } else { (&self.small, '≤') };
        Ok(Decision::pick(key).because(format!("{size} {unit} {sign} {}", rounded(self.threshold))))
    }

    /// Returns the exact count: by the branch for small requests if it is loaded and can count,
    /// else by any such branch.
    fn counted(&self, inputs: Inputs<'_>, keys: &[String]) -> Result<Option<u64>, Pause> {
        // A model without a state is remote: its count would cost a request.
        let can = |it: &&BranchFacts| it.counts_tokens && it.state.as_deref() == Some("ready");
        let branches = inputs.branches()?;
        let able = |key: &String| branches.iter().filter(can).find(|it| it.key == *key);
        match able(&self.small).or_else(|| keys.iter().find_map(able)) {
            Some(branch) => inputs.tokens(&branch.key),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::route::strategy::table::check;

    #[test]
    fn characters_are_counted_like_in_dart() {
        let tree = r#"{"inputSize":{"threshold":4,"small":"device","large":"cloud"}}"#;
        let text = |texts: &[&str]| {
            let parts: Vec<String> =
                texts.iter().map(|it| format!(r#"{{"text":"{it}"}}"#)).collect();
            format!(r#"{{"messages":[{{"role":"user","content":[{}]}}]}}"#, parts.join(","))
        };
        for (request, expected) in [
            ("{}".to_owned(), "device 0 characters ≤ 4"),
            (text(&["abcd"]), "device 4 characters ≤ 4"),
            (text(&["abcde"]), "cloud 5 characters > 4"),
            (text(&["abc", "de"]), "cloud 5 characters > 4"),
            // A surrogate pair counts as two.
            (text(&["😀😀"]), "device 4 characters ≤ 4"),
            (text(&["😀😀é"]), "cloud 5 characters > 4"),
        ] {
            check(tree, &[("request", &request)], expected);
        }
        let two = r#"{"messages":[{"role":"system","content":[{"text":"abc"}]},{"role":"user","content":[{"text":"de"},{"reasoning":"not counted"}]}]}"#;
        check(tree, &[("request", two)], "cloud 5 characters > 4");
    }

    #[test]
    fn tokens_are_exact_if_a_loaded_branch_counts() {
        let tree =
            r#"{"inputSize":{"threshold":4,"small":"device","large":"cloud","unit":"tokens"}}"#;
        let loaded = r#"[{"key":"device","state":"ready","countsTokens":true},{"key":"cloud","countsTokens":true}]"#;
        check(tree, &[("branches", loaded), ("tokens device", "5")], "cloud 5 tokens, counted > 4");
        check(
            tree,
            &[("branches", loaded), ("tokens device", "null"), ("request", "{}")],
            "device 0 tokens, estimated ≤ 4",
        );
        let loading = r#"[{"key":"device","state":"loading","countsTokens":true},{"key":"cloud","countsTokens":true}]"#;
        check(tree, &[("branches", loading), ("request", "{}")], "device 0 tokens, estimated ≤ 4");
    }
}
