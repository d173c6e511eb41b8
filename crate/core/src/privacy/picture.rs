//! Whether a request holds a picture: personal data that no pattern finds.

use serde_json::Value;

use crate::json::has;
use crate::{Content, Media, Request};

/// Types that are certainly no pictures. What has another type, or none, may be one.
const OTHERS: [&str; 5] = ["audio/", "video/", "text/", "application/pdf", "application/json"];

const INLINE: &str = "data:image/";

/// Whether any message holds a picture: as media, or as a `data:` address in a text or in a value.
#[must_use]
pub fn holds_picture(request: &Request) -> bool {
    let parts = request.messages.iter().flat_map(|message| &message.content);
    parts.into_iter().any(|part| match &part.content {
        Content::Text(text) | Content::Reasoning(text) => has(text, INLINE),
        Content::Media(media) => may_be_picture(media),
        Content::ToolRequest(it) => it.input.as_ref().is_some_and(is_in),
        Content::ToolResponse(it) => it.output.as_ref().is_some_and(is_in),
        Content::Data(data) => is_in(data),
        Content::Custom(custom) => custom.values().any(is_in),
    })
}

fn may_be_picture(media: &Media) -> bool {
    let inline = media.url.get(..5).is_some_and(|it| it.eq_ignore_ascii_case("data:"));
    let stated = inline.then(|| media.url.get(5..).unwrap_or_default());
    let types = [media.content_type.as_deref(), stated];
    let is_other = |of: &str| {
        let begins = |it: &&str| of.get(..it.len()).is_some_and(|of| of.eq_ignore_ascii_case(it));
        OTHERS.iter().any(begins)
    };
    // Each type that is stated must rule a picture out.
    let mut stated = types.into_iter().flatten().filter(|of| !of.is_empty()).peekable();
    stated.peek().is_none() || !stated.all(is_other)
}

fn is_in(value: &Value) -> bool {
    match value {
        Value::String(text) => has(text, INLINE),
        Value::Array(values) => values.iter().any(is_in),
        Value::Object(members) => members.values().any(is_in),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::holds_picture;
    use crate::Request;

    #[test]
    fn pictures_are_found_wherever_they_stand() {
        for (part, expected) in [
            (r#"{"text":"a picture"}"#, false),
            (r#"{"media":{"url":"data:image/png;base64,AA"}}"#, true),
            (r#"{"media":{"url":"DATA:IMAGE/PNG;base64,AA"}}"#, true),
            (r#"{"media":{"url":"data:,"}}"#, true),
            (r#"{"media":{"url":"https://host/cat.jpg"}}"#, true),
            (r#"{"media":{"url":"gs://host/cat","contentType":"Image/JPEG"}}"#, true),
            (r#"{"media":{"url":"gs://host/a","contentType":"application/octet-stream"}}"#, true),
            (r#"{"media":{"url":"https://host/a","contentType":"audio/wav"}}"#, false),
            (r#"{"media":{"url":"data:audio/wav;base64,AA"}}"#, false),
            (r#"{"media":{"url":"data:image/png,","contentType":"audio/wav"}}"#, true),
            (r#"{"media":{"url":"data:application/pdf;base64,AA"}}"#, false),
            (r#"{"text":"![](data:image/png;base64,AA)"}"#, true),
            (r#"{"data":{"shots":[{"src":"data:image/png;base64,AA"}]}}"#, true),
            (r#"{"toolResponse":{"name":"a","output":["data:image/gif,"]}}"#, true),
            (r#"{"toolResponse":{"name":"a","output":{"width":3}}}"#, false),
        ] {
            // In an earlier turn as well: a conversation that holds a picture keeps it.
            let turn =
                |role: &str, part: &str| format!(r#"{{"role":"{role}","content":[{part}]}}"#);
            let text = r#"{"text":"a"}"#;
            let turns = [turn("user", part), turn("model", text), turn("user", text)].join(",");
            let json = format!(r#"{{"messages":[{turns}]}}"#);
            assert_eq!(holds_picture(&Request::parse(&json).unwrap()), expected, "{part}");
        }
    }
}
