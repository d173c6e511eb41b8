//! Chooses one of three ways by the sensitivity of a request: on the device, in the cloud with
//! placeholders, in the cloud unchanged.

use super::privacy::words_of;
use crate::json::Fields;
use crate::privacy::SensitiveKind;
use crate::route::decision::Decision;
use crate::route::inputs::{Inputs, Pause};

/// Decides by the weights of the kinds of personal data in a request.
#[derive(Clone, Debug)]
pub struct SensitivityStrategy {
    /// The branch that may see everything.
    pub edge: String,
    /// The branch that redacts personal data.
    pub redacted: Option<String>,
    /// The branch for requests without personal data.
    pub cloud: String,
    /// The number of `isSensitive`.
    pub leaf: Option<usize>,
    /// From this total on a request stays at the edge.
    pub threshold: f64,
    /// Weights set by the caller, by kind.
    pub weights: Vec<(SensitiveKind, f64)>,
}

/// The default threshold.
const THRESHOLD: f64 = 1.0;

impl SensitivityStrategy {
    pub(super) fn read(fields: &mut Fields) -> Self {
        let mut weights = Vec::new();
        for (word, weight) in fields.map("weights").unwrap_or_default() {
            match SensitiveKind::parse(&word).zip(weight.as_f64()) {
                Some((kind, weight)) if weight >= 0.0 => weights.push((kind, weight)),
                _ => fields.wrong("weights", "numbers of at least 0 by kind of personal data"),
            }
        }
        Self {
            edge: fields.required_text("edge"),
            redacted: fields.text("redacted"),
            cloud: fields.required_text("cloud"),
            leaf: fields.index("leaf"),
            threshold: fields.number("threshold").unwrap_or(THRESHOLD),
            weights,
        }
    }

    pub(super) fn decide(&self, inputs: Inputs<'_>) -> Result<Decision, Pause> {
        let weighed = inputs.sensitive()?.iter().filter(|kind| self.weight(**kind) > 0.0);
        let found: Vec<SensitiveKind> = weighed.copied().collect();
        let redacted = match &self.redacted {
            Some(branch) if inputs.hides(branch, &found)? => Some(branch.as_str()),
            _ => None,
        };
        let sum: f64 = found.iter().map(|kind| self.weight(*kind)).sum();
        let reason = format!("personal data: {}", words_of(&found));
        if let Some(leaf) = self.leaf
            && inputs.yes(leaf, "SensitivityStrategy's isSensitive")?
        {
            return Ok(pin(&[&self.edge]).because("isSensitive returned true"));
        }
        Ok(match redacted {
            _ if found.is_empty() => Decision::order(&[self.cloud.clone(), self.edge.clone()]),
            // A request that can be redacted may stay on the device as well.
            Some(redacted) if sum < self.threshold => pin(&[redacted, &self.edge]).because(reason),
            _ => pin(&[&self.edge]).because(reason),
        })
    }

    /// PRISM's weights (AAAI 2026, arXiv 2511.22788). Kinds that it lacks use those of similar
    /// ones: an IBAN that of a card, keys and national identities that of a social security number,
    /// an IP address that of a location.
    fn weight(&self, kind: SensitiveKind) -> f64 {
        let own = self.weights.iter().find(|(it, _)| *it == kind);
        own.map_or(
            match kind {
                SensitiveKind::Ssn | SensitiveKind::NationalId | SensitiveKind::ApiKey => 1.0,
                SensitiveKind::CreditCard | SensitiveKind::Iban => 0.95,
                SensitiveKind::Email => 0.9,
                SensitiveKind::Phone => 0.8,
                SensitiveKind::IpAddress => 0.4,
                SensitiveKind::DateOfBirth => 0.3,
            },
            |(_, weight)| *weight,
        )
    }
}

fn pin(keys: &[&str]) -> Decision {
    let keys: Vec<String> = keys.iter().map(|&it| it.to_owned()).collect();
    Decision { allow: Some(keys.clone()), ..Decision::order(&keys) }
}

#[cfg(test)]
mod tests {
    use crate::json::FromJson as _;
    use crate::route::strategy::Strategy;
    use crate::route::strategy::table::check;

    #[track_caller]
    fn facts(options: &str, text: &str, expected: &str) {
        let tree = format!(
            r#"{{"sensitivity":{{"edge":"device","cloud":"cloud","redacted":"veiled"{options}}}}}"#
        );
        let request =
            format!(r#"{{"messages":[{{"role":"user","content":[{{"text":"{text}"}}]}}]}}"#);
        let branches = r#"[{"key":"device"},{"key":"cloud"},{"key":"veiled","redacts":["email","phone","ssn"]}]"#;
        let given = [("request", request.as_str()), ("branches", branches), ("leaf 0", "true")];
        let asked = if options.contains("leaf") { 3 } else { 2 };
        check(&tree, given.get(..asked).unwrap_or_default(), expected);
    }

    const MAIL: &str = "mail ann@example.org";

    #[test]
    fn the_total_weight_chooses_one_of_three_ways() {
        facts("", "hello", "cloud device");
        facts("", MAIL, "veiled device [veiled device] personal data: email");
        facts(
            "",
            "ann@example.org, phone 0151 23456789",
            "device [device] personal data: email, phone",
        );
        facts("", "ssn 123-45-6789", "device [device] personal data: ssn");
        // The redacting branch does not replace cards.
        facts("", "4111 1111 1111 1111", "device [device] personal data: credit-card");
    }

    #[test]
    fn weights_and_threshold_can_be_set() {
        facts(
            r#","threshold":2"#,
            "ssn 123-45-6789",
            "veiled device [veiled device] personal data: ssn",
        );
        facts(r#","weights":{"email":1}"#, MAIL, "device [device] personal data: email");
        facts(r#","weights":{"email":0}"#, MAIL, "cloud device");
        facts(r#","leaf":0"#, "hello", "device [device] isSensitive returned true");
        for weights in [r#"{"mail":1}"#, r#"{"email":-1}"#, "1"] {
            let node =
                format!(r#"{{"sensitivity":{{"edge":"a","cloud":"b","weights":{weights}}}}}"#);
            assert!(
                Strategy::from_json(serde_json::from_str(&node).unwrap()).is_err(),
                "{weights}"
            );
        }
    }

    #[test]
    fn without_a_redacted_branch_personal_data_stays_at_the_edge() {
        let tree = r#"{"sensitivity":{"edge":"device","cloud":"cloud"}}"#;
        let request =
            r#"{"messages":[{"role":"user","content":[{"text":"mail ann@example.org"}]}]}"#;
        check(tree, &[("request", request)], "device [device] personal data: email");
        let plain = r#"{"messages":[{"role":"user","content":[{"text":"hello"}]}]}"#;
        check(tree, &[("request", plain)], "cloud device");
    }
}
