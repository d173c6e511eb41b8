//! The tracked files, as text.
#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests may panic")]

use std::path::PathBuf;
use std::process::Command;

/// A tracked text file.
pub(crate) struct File {
    /// The path from the root, with forward slashes.
    pub(crate) path: String,
    /// The contents.
    pub(crate) text: String,
}

impl File {
    /// Returns the lines with their numbers, without comments. Sufficient for these rules: no line
    /// hides code after a `//` in a string.
    pub(crate) fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().filter_map(|(index, line)| {
            let code = line.split("//").next().unwrap_or_default();
            (!code.trim().is_empty()).then_some((index + 1, code))
        })
    }

    /// Returns the part of the name after its last dot.
    pub(crate) fn extension(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default().rsplit('.').next().unwrap_or_default()
    }

    /// Returns the comment in a line, if there is one. Sufficient for these rules: `://` in an
    /// address does not begin a comment.
    pub(crate) fn comment<'a>(&self, line: &'a str) -> Option<&'a str> {
        let trimmed = line.trim_start();
        let marks = match self.extension() {
            "rs" | "ts" | "js" | "mjs" | "wgsl" => "//",
            "css" => "/*",
            _ => "#",
        };
        if marks == "//" && (trimmed.starts_with("* ") || trimmed.starts_with("/*")) {
            return Some(trimmed);
        }
        let at = line.find(marks)?;
        let is_address = line[..at].ends_with(':');
        (!is_address).then(|| &line[at..])
    }

    /// Whether it is code, a script or a page, and not data, a lock file or prose.
    pub(crate) fn is_written_by_hand(&self) -> bool {
        let is_data = self.path.contains("/golden") || self.path.contains("/fixtures/");
        let name = self.path.rsplit('/').next().unwrap_or_default();
        let is_code = ["rs", "ts", "mjs", "js", "wgsl", "css", "html", "py", "sh"]
            .iter()
            .any(|extension| name.ends_with(&format!(".{extension}")))
            || self.path.starts_with("pkg-scripts/");
        is_code && !is_data
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Reads a file that must exist.
#[track_caller]
pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns every tracked file that exists and is UTF-8.
pub(crate) fn tracked() -> Vec<File> {
    let output = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root())
        .output()
        .expect("git lists the tree's files");
    assert!(output.status.success(), "git ls-files failed: is this a checkout?");
    let listing = String::from_utf8(output.stdout).expect("paths are UTF-8");
    listing
        .split_terminator('\0')
        .filter_map(|path| {
            let text = std::fs::read_to_string(root().join(path)).ok()?;
            Some(File { path: path.to_owned(), text })
        })
        .collect()
}
