//! Errors, with the status and the code that JavaScript branches on.

/// The bytes don't follow the format. How this is handled depends on their position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damaged;

/// A failure reported to the caller of the package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Error {
    /// The file was written by a later version of the format.
    Newer { found: u32 },
    /// The header cannot be read, although documents follow it.
    Header,
    /// The file was made for other vectors.
    Mismatch { kept: String, asked: String },
    /// An argument is invalid for storing or searching.
    Invalid(String),
}

impl Error {
    /// Returns status, code and message as JSON text. It contains no part of a document.
    pub(crate) fn to_json(&self) -> String {
        let (status, code, message) = match self {
            Self::Newer { found } => (
                "FAILED_PRECONDITION",
                "STORE_NEWER",
                format!(
                    "the store was written by a newer version of hybridge (format {found}); \
                     update this page"
                ),
            ),
            Self::Header => (
                "DATA_LOSS",
                "STORE_DAMAGED",
                "the header of the store is damaged; delete it with deleteVectorStore() and add \
                 the documents again"
                    .to_owned(),
            ),
            Self::Mismatch { kept, asked } => (
                "FAILED_PRECONDITION",
                "STORE_MISMATCH",
                format!(
                    "the store holds vectors of {kept}, and {asked} was given; open it as it was \
                     made, or delete it with deleteVectorStore()"
                ),
            ),
            Self::Invalid(message) => ("INVALID_ARGUMENT", "", message.clone()),
        };
        let mut json = format!("{{\"status\":\"{status}\",\"message\":\"");
        for character in message.chars() {
            match character {
                '"' | '\\' => json.extend(['\\', character]),
                control if control.is_control() => json.push(' '),
                other => json.push(other),
            }
        }
        json.push('"');
        if !code.is_empty() {
            json.push_str(&format!(",\"code\":\"{code}\""));
        }
        json.push('}');
        json
    }
}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn messages_are_json_whatever_a_name_contains() {
        let error = Error::Mismatch { kept: "a\"b\\c\nd".to_owned(), asked: "x".to_owned() };
        let json = error.to_json();
        assert!(json.contains("a\\\"b\\\\c d"), "{json}");
        assert!(json.ends_with(",\"code\":\"STORE_MISMATCH\"}"), "{json}");
        assert!(!Error::Invalid("no".to_owned()).to_json().contains("code"));
    }
}
