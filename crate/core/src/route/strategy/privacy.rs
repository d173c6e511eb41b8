//! Keeps personal data on one branch.

use crate::json::Fields;
use crate::privacy::{SensitiveKind, holds_picture};
use crate::route::decision::Decision;
use crate::route::inputs::{Inputs, Pause};

/// Pins a request with personal data to one branch, however strategies are composed.
#[derive(Clone, Debug)]
pub struct PrivacyStrategy {
    /// The branch that may see it.
    pub keep: String,
    /// A branch that may receive it too, if it redacts all kinds that were found.
    pub redacted: Option<String>,
    /// The number of `isSensitive`.
    pub leaf: Option<usize>,
    /// The kinds to look for; all by default.
    pub detect: Option<Vec<SensitiveKind>>,
    /// Whether a request with a picture is pinned, too.
    pub keeps_images: bool,
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
        let redacted = fields.text("redacted");
        let keeps_images = fields.flag("keepImages") == Some(true);
        Self { keep: fields.required_text("keep"), redacted, leaf, detect, keeps_images }
    }

    pub(super) fn decide(&self, inputs: Inputs<'_>) -> Result<Decision, Pause> {
        // Checked first: the content of a picture cannot be redacted, so no redacting branch may
        // receive it.
        if self.keeps_images && holds_picture(inputs.request()?) {
            return Ok(self.pin("a picture".to_owned()));
        }
        let looks_for =
            |kind: &SensitiveKind| self.detect.as_ref().is_none_or(|it| it.contains(kind));
        if self.detect.as_ref().is_none_or(|it| !it.is_empty()) {
            let found: Vec<SensitiveKind> =
                inputs.sensitive()?.iter().copied().filter(looks_for).collect();
            let redacted = match &self.redacted {
                Some(branch) if inputs.hides(branch, &found)? => Some(branch),
                _ => None,
            };
            if !found.is_empty() {
                let mut pin = self.pin(format!("personal data: {}", words_of(&found)));
                pin.order.extend(redacted.cloned());
                pin.allow.iter_mut().for_each(|it| it.extend(redacted.cloned()));
                return Ok(pin);
            }
        }
        match self.leaf {
            Some(leaf) if inputs.yes(leaf, "PrivacyStrategy's isSensitive")? => {
                Ok(self.pin("isSensitive returned true".to_owned()))
            }
            _ => Ok(Decision::none()),
        }
    }

    fn pin(&self, reason: String) -> Decision {
        let allow = Some(vec![self.keep.clone()]);
        Decision { allow, ..Decision::pick(&self.keep) }.because(reason)
    }
}

/// Lists the names of kinds, for a reason.
pub(super) fn words_of(kinds: &[SensitiveKind]) -> String {
    let words: Vec<&str> = kinds.iter().map(|kind| kind.word()).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use crate::route::strategy::table::check;

    fn saying(text: &str) -> String {
        format!(r#"{{"messages":[{{"role":"user","content":[{{"text":"{text}"}}]}}]}}"#)
    }

    #[test]
    fn personal_data_pins_a_request() {
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
    fn a_picture_pins_a_request_if_configured() {
        let holding = |more: &str| {
            let media = r#"{"media":{"url":"data:image/png,"}}"#;
            format!(r#"{{"messages":[{{"role":"user","content":[{media}{more}]}}]}}"#)
        };
        let (picture, harmless) = (holding(r#",{"text":"ann@example.org"}"#), holding(""));
        let (picture, harmless) = (picture.as_str(), harmless.as_str());
        let keeps = r#"{"privacy":{"keep":"device","keepImages":true}}"#;
        check(keeps, &[("request", harmless)], "device [device] a picture");
        check(keeps, &[("request", &saying("hello"))], "");
        check(r#"{"privacy":{"keep":"device"}}"#, &[("request", harmless)], "");
        let silent = r#"{"privacy":{"keep":"device","keepImages":true,"detect":[]}}"#;
        check(silent, &[("request", harmless)], "device [device] a picture");
        // A branch that redacts text does not redact pictures.
        let redacted = r#"{"privacy":{"keep":"device","redacted":"cloud","keepImages":true}}"#;
        check(redacted, &[("request", picture)], "device [device] a picture");
        let tail = format!(r#"{{"withFallback":{{"inner":{keeps},"fallbackOrder":["cloud"]}}}}"#);
        check(&tail, &[("request", harmless)], "device cloud [device] a picture");
    }

    #[test]
    fn the_callback_can_pin_a_request() {
        let tree = r#"{"privacy":{"keep":"device","leaf":0}}"#;
        let plain = saying("hello");
        check(
            tree,
            &[("request", &plain), ("leaf 0", "true")],
            "device [device] isSensitive returned true",
        );
        check(tree, &[("request", &plain), ("leaf 0", "false")], "");
        // A missing result must not count as harmless.
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
    fn a_branch_that_redacts_every_kind_found_may_receive_it() {
        let tree = r#"{"privacy":{"keep":"device","redacted":"cloud"}}"#;
        let mail = saying("ann@example.org");
        let branches = |redacts: &str| {
            format!(r#"[{{"key":"device"}},{{"key":"cloud","redacts":{redacts}}}]"#)
        };
        let facts = |request: &str, redacts: &str, expected: &str| {
            check(tree, &[("request", request), ("branches", &branches(redacts))], expected);
        };
        facts(&mail, r#"["email","phone"]"#, "device cloud [device cloud] personal data: email");
        facts(&mail, r#"["phone"]"#, "device [device] personal data: email");
        facts(&saying("hello"), r#"["phone"]"#, "");
        // Naming a branch that does not redact is the caller's mistake, found at the first request.
        facts(&mail, "[]", "FAILED_PRECONDITION");
        facts(&saying("hello"), "[]", "FAILED_PRECONDITION");
    }

    #[test]
    fn a_fallback_order_cannot_widen_the_constraint() {
        let tree = r#"{"withFallback":{"inner":{"privacy":{"keep":"device"}},"fallbackOrder":["cloud","device"]}}"#;
        check(
            tree,
            &[("request", &saying("ann@example.org"))],
            "device cloud [device] personal data: email",
        );
    }
}
