//! Asks a service to continue an answer that another branch began.
//!
//! A chat service starts a new answer after each message, even its own. So the request asks it to
//! begin with the last words of the text; the seam (`route::Seam`) then finds and drops them.

use crate::Message;

/// The minimum length of an anchor, if the text is long enough, so that it is found reliably.
const LEAST_ANCHOR: usize = 16;

/// Returns the instruction to append after the last message, if that is an answer to continue.
pub(crate) fn request_to_continue(messages: &[Message]) -> Option<String> {
    let begun = messages.last().filter(|it| it.is_prefix())?.joined_text();
    let anchor = anchor_of(begun.trim());
    if anchor.is_empty() {
        return None;
    }
    Some(format!(
        "Your last message was cut off. Go on from where it stopped, in the same language and form, \
         as if it had never been interrupted. Begin with its last words, which are between the \
         marks: «{anchor}». Then go on. Write nothing before them, and repeat nothing else."
    ))
}

/// Returns the last words of a text, starting at a word and long enough to be found.
fn anchor_of(text: &str) -> &str {
    let Some((at, _)) = text.char_indices().rev().nth(LEAST_ANCHOR - 1) else { return text };
    let start = text.get(..at).and_then(|before| {
        let (space, _) =
            before.char_indices().rev().take(LEAST_ANCHOR).find(|(_, it)| it.is_whitespace())?;
        Some(space)
    });
    text.get(start.unwrap_or(at)..).unwrap_or(text).trim_start()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{anchor_of, request_to_continue};
    use crate::json::FromJson as _;
    use crate::{Message, Role};

    #[test]
    fn an_anchor_is_the_last_words() {
        for (text, expected) in [
            ("", ""),
            ("One two", "One two"),
            ("It rains in Bonn today, and to", "Bonn today, and to"),
            ("It rains in Bonn", "It rains in Bonn"),
            ("今日はボンで雨が降っていますが、明日は", "ボンで雨が降っていますが、明日は"),
        ] {
            assert_eq!(anchor_of(text), expected);
        }
    }

    #[test]
    fn only_a_marked_answer_at_the_end_is_continued() {
        let message = |role: &str, prefix: serde_json::Value| {
            let json = json!({"role": role, "content": [{"text": "One two"}], "metadata": {"prefix": prefix}});
            Message::from_json(json).unwrap()
        };
        let begun = message("model", true.into());
        assert!(request_to_continue(std::slice::from_ref(&begun)).unwrap().contains("«One two»"));
        assert!(request_to_continue(&[begun, Message::text(Role::User, "x")]).is_none());
        assert!(request_to_continue(&[message("user", true.into())]).is_none());
        assert!(request_to_continue(&[message("model", "yes".into())]).is_none());
        assert!(request_to_continue(&[]).is_none());
    }
}
