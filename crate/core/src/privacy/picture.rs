//! Pictures, which may show personal data that no pattern finds.

use memchr::memchr_iter;

use super::plain::Plain;
use crate::Media;

/// Media types that certainly aren't pictures. Media of another type, or of none, may be one.
const OTHERS: [&str; 5] = ["audio/", "video/", "text/", "application/pdf", "application/json"];

/// Whether a text contains the address of an embedded picture, in any letter case and escaping.
pub(super) fn names_picture(text: &[u8]) -> bool {
    let is_named = |text: &[u8]| {
        memchr_iter(b':', text).any(|at| {
            let around = text.get(at.saturating_sub(4)..at + 7);
            around.is_some_and(|it| it.eq_ignore_ascii_case(b"data:image/"))
        })
    };
    is_named(text) || Plain::unescaped(text, false).is_some_and(|it| is_named(&it.bytes))
}

/// Whether media may be a picture, by its type and its URL.
pub(super) fn may_be_picture(media: &Media) -> bool {
    let inline = media.url.get(..5).is_some_and(|it| it.eq_ignore_ascii_case("data:"));
    let stated = inline.then(|| media.url.get(5..).unwrap_or_default());
    let types = [media.content_type.as_deref(), stated];
    let is_other = |of: &str| {
        let begins = |it: &&str| of.get(..it.len()).is_some_and(|of| of.eq_ignore_ascii_case(it));
        OTHERS.iter().any(begins)
    };
    // Each stated type must rule a picture out.
    let mut stated = types.into_iter().flatten().filter(|of| !of.is_empty()).peekable();
    stated.peek().is_none() || !stated.all(is_other)
}

#[cfg(test)]
mod tests {
    use crate::Request;
    use crate::privacy::holds_picture;

    #[test]
    fn pictures_are_found_in_every_part_of_a_request() {
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
            (r#"{"text":"<img src='DATA:Image/PNG;base64,AA'>"}"#, true),
            (r#"{"text":"{\"src\":\"data:image\\/png;base64,AA\"}"}"#, true),
            (r#"{"text":"data%3Aimage%2Fpng;base64,AA"}"#, true),
            (r#"{"text":"data:ima"},{"text":"ge/png;base64,AA"}"#, true),
            (r#"{"text":"image data: image/png"}"#, false),
            (r#"{"media":{"url":"data:text/html,<img src=data:image/png,>"}}"#, true),
            (r#"{"data":{"data:image/png,":1}}"#, true),
            (r#"{"text":"a","metadata":{"shot":"DATA:IMAGE/png,"}}"#, true),
            (r#"{"data":{"shots":[{"src":"data:image/png;base64,AA"}]}}"#, true),
            (r#"{"toolResponse":{"name":"a","output":["data:image/gif,"]}}"#, true),
            (r#"{"toolResponse":{"name":"a","output":{"width":3}}}"#, false),
        ] {
            // In an earlier turn as well, because it is sent again.
            let turn =
                |role: &str, part: &str| format!(r#"{{"role":"{role}","content":[{part}]}}"#);
            let text = r#"{"text":"a"}"#;
            let turns = [turn("user", part), turn("model", text), turn("user", text)].join(",");
            let json = format!(r#"{{"messages":[{turns}]}}"#);
            assert_eq!(holds_picture(&Request::parse(&json).unwrap()), expected, "{part}");
        }
    }
}
