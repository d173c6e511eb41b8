//! The record of a partial file, stored beside it and updated whenever bytes arrive.

use serde::{Deserialize, Serialize};

use super::ranges::Ranges;

/// The layout version of this record. Records with another version are ignored.
const VERSION: u32 = 1;
/// An upper bound for the size of a model: a record that exceeds it is damaged.
const LARGEST: u64 = 1 << 40;

/// The progress of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Journal {
    version: u32,
    /// The file's length, once the host has stated it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The entity tag that the server gave for this content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The byte ranges that are stored.
    #[serde(default)]
    pub held: Ranges,
    /// The digest of the whole file, once computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Whether the file is complete and passed every requested check.
    #[serde(default)]
    pub complete: bool,
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            version: VERSION,
            size: None,
            etag: None,
            held: Ranges::default(),
            sha256: None,
            complete: false,
        }
    }
}

impl Journal {
    /// Reads a record. A damaged, truncated or outdated record is ignored: the bytes are fetched
    /// again, which is slow but never wrong.
    #[must_use]
    pub fn read(text: &str) -> Self {
        // A shorter record may have overwritten the start of a longer one, so only the first value
        // counts.
        let first = serde_json::Deserializer::from_str(text).into_iter::<Self>().next();
        let Some(Ok(journal)) = first else { return Self::default() };
        let fits = journal.size.is_some_and(|size| {
            size <= LARGEST
                && journal.held.fits(size)
                && (!journal.complete || journal.held.prefix() == size)
        });
        if journal.version == VERSION && fits { journal } else { Self::default() }
    }

    /// Limits the record to a file of `length` bytes: ranges beyond the end of the file are
    /// dropped. A truncated file is not complete, and its digest is discarded.
    #[must_use]
    pub fn clipped(mut self, length: u64) -> Self {
        self.held.clip(length);
        if self.size.is_none_or(|size| self.held.prefix() < size) {
            self.complete = false;
            self.sha256 = None;
        }
        self
    }

    /// Returns the record as text.
    #[must_use]
    pub fn write(&self) -> String {
        // Text and integers only, so serialisation cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::Journal;

    #[test]
    fn reads_its_own_output_and_nothing_else() {
        let mut journal =
            Journal { size: Some(100), etag: Some("\"x\"".into()), ..Journal::default() };
        journal.held.insert(0..10);
        journal.held.insert(20..100);
        let text = journal.write();
        assert_eq!(Journal::read(&text), journal);
        assert_eq!(Journal::read(&format!("{text}]]}}")), journal, "rests of a longer record");
        for cut in 0..text.len() {
            assert_eq!(Journal::read(&text[..cut]), Journal::default(), "cut at {cut}");
        }
        for wrong in [
            "",
            "null",
            "[]",
            r#"{"version":2,"size":100,"held":[[0,10]]}"#,
            r#"{"version":1,"size":5,"held":[[0,10]]}"#,
            r#"{"version":1,"held":[[0,10]]}"#,
            r#"{"version":1,"size":10,"held":[[0,9]],"complete":true}"#,
            r#"{"version":1,"size":9223372036854775808,"held":[[0,9]]}"#,
            r#"{"version":1,"size":100,"held":"all"}"#,
            r#"{"version":1,"size":100,"held":{"0":10}}"#,
            r#"{"version":1,"size":100,"held":[[0,-1]]}"#,
            r#"{"version":1,"size":100,"held":[[0,10,20]]}"#,
        ] {
            assert_eq!(Journal::read(wrong), Journal::default(), "{wrong}");
        }
    }

    #[test]
    fn a_record_claims_no_more_than_its_file_contains() {
        let whole = Journal {
            size: Some(100),
            held: vec![(0, 100)].into(),
            sha256: Some("ab".into()),
            complete: true,
            ..Journal::default()
        };
        assert_eq!(whole.clone().clipped(100), whole);
        assert_eq!(whole.clone().clipped(200), whole, "what is behind the end is no harm");
        for length in 0..100 {
            let clipped = whole.clone().clipped(length);
            assert_eq!((clipped.complete, clipped.sha256), (false, None), "{length} bytes");
            assert_eq!(clipped.held.covered(), length);
        }
        let half =
            Journal { size: Some(100), held: vec![(0, 20), (60, 80)].into(), ..Journal::default() };
        for (length, covered) in [(0, 0), (20, 20), (40, 20), (70, 30), (80, 40), (100, 40)] {
            assert_eq!(half.clone().clipped(length).held.covered(), covered, "{length} bytes");
        }
        assert_eq!(Journal::default().clipped(50), Journal::default());
    }
}
