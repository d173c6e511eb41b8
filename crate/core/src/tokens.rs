//! About how many tokens a request has, for where no tokenizer is loaded.

use crate::{Content, Request};

/// A picture's or sound's share, about what Gemma 3 spends on a picture.
const MEDIA: u64 = 256;

/// What the turn's marks cost.
const PER_MESSAGE: u64 = 4;

/// About how many tokens the request has. Meant to be a little high: too large a guess sends a prompt to the larger window.
#[must_use]
pub(crate) fn estimate(request: &Request) -> u64 {
    let messages = request.messages.iter().map(|message| {
        let parts = message.content.iter().map(|part| match &part.content {
            Content::Text(text) | Content::Reasoning(text) => in_text(text),
            Content::Media(_) => MEDIA,
            other => in_text(&serde_json::to_string(other).unwrap_or_default()),
        });
        PER_MESSAGE + parts.sum::<u64>()
    });
    let tools =
        request.tools.iter().map(|it| in_text(&serde_json::to_string(it).unwrap_or_default()));
    messages.sum::<u64>() + tools.sum::<u64>()
}

/// Letters of alphabets come about four to a token; what is written without spaces, and everything rare, about one.
fn in_text(text: &str) -> u64 {
    let (mut narrow, mut wide) = (0_u64, 0_u64);
    for char in text.chars() {
        if char < '\u{2E80}' { narrow += 1 } else { wide += 1 }
    }
    narrow.div_ceil(4) + wide
}

#[cfg(test)]
mod tests {
    use super::estimate;
    use crate::{Content, Media, Message, Part, Request, Role};

    #[test]
    fn estimates_grow_with_what_is_said() {
        let say = |text: &str| Request {
            messages: vec![Message::text(Role::User, text)],
            ..Request::default()
        };
        for (text, expected) in [("", 4), ("abcd", 5), ("abcde", 6), ("日本語", 7), ("привет!!", 6)]
        {
            assert_eq!(estimate(&say(text)), expected, "{text}");
        }
        assert_eq!(estimate(&Request::default()), 0);
        let media = Media { url: "data:,".into(), content_type: None };
        let mut request = say("abcd");
        request.messages[0].content.push(Part::from(Content::Media(media)));
        assert_eq!(estimate(&request), 5 + 256);
    }
}
