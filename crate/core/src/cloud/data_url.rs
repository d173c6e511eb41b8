//! `data:` URLs, the form of media in messages.

use std::borrow::Cow;

use crate::base64::encode;
use crate::percent::percent_decoded;
use crate::{Error, Media, Result};

/// A parsed `data:` URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DataUrl<'a> {
    /// The media type without parameters.
    pub(crate) content_type: &'a str,
    /// The content in base64.
    pub(crate) base64: Cow<'a, str>,
}

impl<'a> DataUrl<'a> {
    /// Parses a media URL; `None` if it is not a `data:` URL.
    pub(crate) fn of(media: &'a Media) -> Result<Option<Self>> {
        let Some(rest) = media.url.strip_prefix("data:") else { return Ok(None) };
        let (head, data) = rest
            .split_once(',')
            .ok_or_else(|| Error::invalid("a data: URL in the request has no comma"))?;
        let (head, base64) = match head.strip_suffix(";base64") {
            Some(head) => (head, Cow::Borrowed(data)),
            None => (head, Cow::Owned(encode(&percent_decoded(data)))),
        };
        let declared = head.split(';').next().filter(|it| !it.is_empty()).unwrap_or("text/plain");
        let content_type = media.content_type.as_deref().unwrap_or(declared);
        Ok(Some(Self { content_type, base64 }))
    }
}

#[cfg(test)]
mod tests {
    use super::DataUrl;
    use crate::Media;

    #[track_caller]
    fn check(url: &str, content_type: Option<&str>, expected: Result<Option<(&str, &str)>, &str>) {
        let media = Media { url: url.to_owned(), content_type: content_type.map(str::to_owned) };
        let got = DataUrl::of(&media);
        let got = got.as_ref().map(|it| it.as_ref().map(|it| (it.content_type, &*it.base64)));
        assert_eq!(got.map_err(|error| &*error.message), expected);
    }

    #[test]
    fn every_form_is_parsed() {
        check("data:image/png;base64,iVBO", None, Ok(Some(("image/png", "iVBO"))));
        check("data:image/png;base64,iVBO", Some("image/x"), Ok(Some(("image/x", "iVBO"))));
        check("data:text/plain;charset=utf-8,hi", None, Ok(Some(("text/plain", "aGk="))));
        check("data:,a%20b%2", None, Ok(Some(("text/plain", "YSBiJTI="))));
        check("data:,%zz%", None, Ok(Some(("text/plain", "JXp6JQ=="))));
        check("https://example.org/a.png", None, Ok(None));
        check("data:image/png", None, Err("a data: URL in the request has no comma"));
    }
}
