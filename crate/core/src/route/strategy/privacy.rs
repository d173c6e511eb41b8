//! Personal data stays where it is.

use crate::json::Fields;
use crate::privacy::SensitiveKind;
use crate::route::decision::Decision;
use crate::route::facts::{Facts, Pause};

/// Pins a request that holds personal data to one branch, whatever is composed around it.
#[derive(Clone, Debug)]
pub struct PrivacyStrategy {
    /// The branch that may see it.
    pub keep: String,
    /// The number of `isSensitive`.
    pub leaf: Option<usize>,
    /// What to look for; everything by default.
    pub detect: Option<Vec<SensitiveKind>>,
}

impl PrivacyStrategy {
    pub(super) fn read(fields: &mut Fields) -> Self {
        let detect = fields.texts("detect").map(|words| {
            let kinds: Vec<_> = words.iter().filter_map(|it| SensitiveKind::parse(it)).collect();
            if kinds.len() != words.len() {
                fields.wrong("detect", "kinds of personal data");
            }
            kinds
        });
        let leaf = fields.index("leaf");
        Self { keep: fields.required_text("keep"), leaf, detect }
    }

    pub(super) fn decide(&self, facts: Facts<'_>) -> Result<Decision, Pause> {
        let looks_for =
            |kind: &SensitiveKind| self.detect.as_ref().is_none_or(|it| it.contains(kind));
        if self.detect.as_ref().is_none_or(|it| !it.is_empty()) {
            let found = facts.sensitive()?.iter().filter(|kind| looks_for(kind));
            let words: Vec<&str> = found.map(|kind| kind.word()).collect();
            if !words.is_empty() {
                return Ok(self.pin(format!("personal data: {}", words.join(", "))));
            }
        }
        match self.leaf {
            Some(leaf) if facts.yes(leaf, "PrivacyStrategy's isSensitive")? => {
                Ok(self.pin("isSensitive said so".to_owned()))
            }
            _ => Ok(Decision::none()),
        }
    }

    fn pin(&self, reason: String) -> Decision {
        let allow = Some(vec![self.keep.clone()]);
        Decision { allow, ..Decision::pick(&self.keep) }.because(reason)
    }
}

#[cfg(test)]
mod tests {
    use crate::route::strategy::table::check;

    fn saying(text: &str) -> String {
        format!(r#"{{"messages":[{{"role":"user","content":[{{"text":"{text}"}}]}}]}}"#)
    }

    #[test]
    fn personal_data_pins() {
        let tree = r#"{"privacy":{"keep":"device"}}"#;
        check(tree, &[("request", &saying("hello"))], "");
        check(
            tree,
            &[("request", &saying("mail ann@example.org"))],
            "device [device] personal data: email",
        );
        let only_cards = r#"{"privacy":{"keep":"device","detect":["credit-card"]}}"#;
        check(only_cards, &[("request", &saying("mail ann@example.org"))], "");
    }

    #[test]
    fn the_caller_may_pin_too() {
        let tree = r#"{"privacy":{"keep":"device","leaf":0}}"#;
        let plain = saying("hello");
        check(
            tree,
            &[("request", &plain), ("leaf 0", "true")],
            "device [device] isSensitive said so",
        );
        check(tree, &[("request", &plain), ("leaf 0", "false")], "");
        // Saying nothing must not pass for harmless.
        check(tree, &[("request", &plain), ("leaf 0", "null")], "INVALID_ARGUMENT");
        check(
            tree,
            &[("request", &saying("ann@example.org"))],
            "device [device] personal data: email",
        );
        let silent = r#"{"privacy":{"keep":"device","leaf":0,"detect":[]}}"#;
        check(silent, &[("leaf 0", "false")], "");
    }

    #[test]
    fn no_tail_can_widen_it() {
        let tree = r#"{"withFallback":{"inner":{"privacy":{"keep":"device"}},"fallbackOrder":["cloud","device"]}}"#;
        check(
            tree,
            &[("request", &saying("ann@example.org"))],
            "device cloud [device] personal data: email",
        );
    }
}
