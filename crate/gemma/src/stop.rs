//! Finds stop sequences in streamed text, and holds back text that could become one.

/// The result of a piece of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scanned {
    /// Text that can be shown.
    pub text: String,
    /// Whether a stop sequence was met; the text ends before it.
    pub is_stopped: bool,
}

/// Searches for stop sequences across pieces.
#[derive(Clone, Debug, Default)]
pub struct StopScanner {
    sequences: Vec<String>,
    held: String,
}

impl StopScanner {
    /// Empty sequences never match.
    #[must_use]
    pub fn new(sequences: &[String]) -> Self {
        let sequences = sequences.iter().filter(|it| !it.is_empty()).cloned().collect();
        Self { sequences, held: String::new() }
    }

    /// Adds the next piece.
    pub fn push(&mut self, text: &str) -> Scanned {
        self.held.push_str(text);
        let first = self.sequences.iter().filter_map(|it| self.held.find(it.as_str())).min();
        if let Some(place) = first {
            let mut text = std::mem::take(&mut self.held);
            text.truncate(place);
            return Scanned { text, is_stopped: true };
        }
        let rest = self.held.split_off(self.safe());
        let text = std::mem::replace(&mut self.held, rest);
        Scanned { text, is_stopped: false }
    }

    /// Returns the text that was held back, at the end of the answer.
    pub fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }

    /// Returns where the longest suffix begins with which a sequence could start.
    fn safe(&self) -> usize {
        let begins = |suffix: &str| self.sequences.iter().any(|it| it.starts_with(suffix));
        self.held
            .char_indices()
            .map(|(place, _)| place)
            .find(|place| self.held.get(*place..).is_some_and(begins))
            .unwrap_or(self.held.len())
    }
}

#[cfg(test)]
mod tests {
    use super::StopScanner;

    /// Cuts the text at every character and checks the result.
    #[track_caller]
    fn check(text: &str, sequences: &[&str], shown: &str, is_stopped: bool) {
        let sequences: Vec<String> = sequences.iter().map(|it| (*it).to_owned()).collect();
        let cuts = text.char_indices().map(|(place, _)| place).chain([text.len()]);
        for cut in cuts {
            for pieces in [vec![&text[..cut], &text[cut..]], text.split("").collect()] {
                let mut scanner = StopScanner::new(&sequences);
                let (mut got, mut stopped) = (String::new(), false);
                for piece in pieces {
                    let scanned = scanner.push(piece);
                    got.push_str(&scanned.text);
                    assert!(shown.starts_with(&got), "{text:?} showed {got:?}");
                    if scanned.is_stopped {
                        stopped = true;
                        break;
                    }
                }
                if !stopped {
                    got.push_str(&scanner.finish());
                }
                assert_eq!((got.as_str(), stopped), (shown, is_stopped), "{text:?} at {cut}");
            }
        }
    }

    #[test]
    fn sequences_are_found_at_every_cut_of_the_text() {
        check("one two three", &["two"], "one ", true);
        check("one two three", &["four", "th"], "one two ", true);
        check("aab", &["ab"], "a", true);
        check("ababac", &["abac"], "ab", true);
        check("STOP", &["STOP"], "", true);
        check("über die ß-Straße", &["ß-S"], "über die ", true);
        check("no such thing", &["xyz", ""], "no such thing", false);
        check("ends with STO", &["STOP"], "ends with STO", false);
        check("", &["a"], "", false);
    }
}
