//! Joins the text of one branch and its continuation by another.
//!
//! A model that is asked to continue may repeat the last words, or the whole answer, first. The
//! seam holds its text until it is known whether that is a repetition, and drops the repetition.

/// Shorter repetitions count only if they are the whole text so far.
const LEAST_OVERLAP: usize = 12;
/// Longer repetitions may also begin within a word.
const LONG_OVERLAP: usize = 16;

/// Joins a text and its continuation, which arrives in chunks.
#[derive(Debug)]
pub struct Seam {
    /// The text so far, without trailing white space.
    before: String,
    /// The trailing white space that the continuation has not repeated.
    space: String,
    /// Held text. `None` once it is known where the continuation begins.
    held: Option<String>,
    /// UTF-16 code units of the continuation that are dropped.
    dropped: usize,
}

impl Seam {
    /// Creates a seam after `before`. An `exact` continuation comes from a model that continues the
    /// text token by token, so only white space can be repeated.
    #[must_use]
    pub fn new(before: &str, exact: bool) -> Self {
        let trimmed = before.trim_end();
        Self {
            before: trimmed.to_owned(),
            space: before.get(trimmed.len()..).unwrap_or_default().to_owned(),
            held: (!exact && !trimmed.is_empty()).then(String::new),
            dropped: 0,
        }
    }

    /// Takes the next chunk and returns its new text.
    pub fn push(&mut self, piece: &str) -> String {
        let Some(mut held) = self.held.take() else { return self.after_space(piece) };
        held.push_str(piece);
        match self.overlap(held.trim_start()) {
            Overlap::Open => {
                self.held = Some(held);
                String::new()
            }
            Overlap::None => self.after_space(&held),
            Overlap::Of(length) => self.without(&held, length),
        }
    }

    /// Returns the new part of the held text, at the end of the continuation.
    pub fn end(&mut self) -> String {
        let Some(held) = self.held.take() else { return String::new() };
        let said = held.trim_start();
        // A text that ends within a repetition is one, unless it is so short that it may be chance.
        if said.chars().count() >= LEAST_OVERLAP {
            return self.without(&held, said.len());
        }
        match self.longest(said) {
            Some(length) => self.without(&held, length),
            None => self.after_space(&held),
        }
    }

    /// Whether all further text is new.
    #[must_use]
    pub fn is_passed(&self) -> bool {
        self.held.is_none() && self.space.is_empty()
    }

    /// Returns how many UTF-16 code units at the beginning of the continuation were dropped.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// The result of searching for a repetition.
    fn overlap(&self, said: &str) -> Overlap {
        if said.is_empty() {
            return Overlap::Open;
        }
        for tail in self.tails() {
            // The longest suffix comes first: a shorter one counts only if no longer one matches.
            if said.starts_with(tail) {
                return Overlap::Of(tail.len());
            }
            if tail.starts_with(said) {
                return Overlap::Open;
            }
        }
        Overlap::None
    }

    /// Finds the longest suffix with which the text begins.
    fn longest(&self, said: &str) -> Option<usize> {
        self.tails().find(|tail| said.starts_with(tail)).map(str::len)
    }

    /// Returns the possible repetitions, longest first: the whole text, and its suffixes that are
    /// long enough.
    fn tails(&self) -> impl Iterator<Item = &str> {
        let letters = self.before.char_indices();
        let starts = letters.scan(' ', |previous, (at, letter)| {
            let least = if begins_word(*previous, letter) { LEAST_OVERLAP } else { LONG_OVERLAP };
            *previous = letter;
            Some((at, least))
        });
        starts.filter_map(|(at, least)| {
            let tail = self.before.get(at..)?;
            (at == 0 || tail.chars().nth(least - 1).is_some()).then_some(tail)
        })
    }

    /// Returns the text after leading white space and this many bytes.
    fn without(&mut self, held: &str, length: usize) -> String {
        let at = held.len() - held.trim_start().len() + length;
        let (repeated, new) = held.split_at_checked(at).unwrap_or((held, ""));
        self.dropped += repeated.encode_utf16().count();
        self.after_space(new)
    }

    /// Removes the white space that already ends the text before.
    fn after_space(&mut self, text: &str) -> String {
        let mut rest = text;
        while let (Some(space), Some(letter)) = (self.space.chars().next(), rest.chars().next()) {
            if space != letter {
                self.space.clear();
                break;
            }
            self.space.drain(..space.len_utf8());
            self.dropped += letter.len_utf16();
            rest = rest.get(letter.len_utf8()..).unwrap_or_default();
        }
        rest.to_owned()
    }
}

enum Overlap {
    /// More of the continuation is needed to decide.
    Open,
    None,
    /// A number of bytes.
    Of(usize),
}

/// Whether a word may begin here; in scripts without spaces, anywhere. Written without the Unicode
/// tables, which would add kilobytes to a page.
fn begins_word(previous: char, letter: char) -> bool {
    previous.is_ascii_punctuation() || previous.is_whitespace() || letter >= '\u{2e80}'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Seam;

    fn joined(before: &str, pieces: &[&str], exact: bool) -> (String, usize) {
        let mut seam = Seam::new(before, exact);
        let mut text = before.to_owned();
        for piece in pieces {
            text.push_str(&seam.push(piece));
        }
        text.push_str(&seam.end());
        (text, seam.dropped())
    }

    #[track_caller]
    fn check(before: &str, after: &str, expected: &str) {
        // Every cut of the continuation gives the same result.
        for at in (0..=after.len()).filter(|&at| after.is_char_boundary(at)) {
            let pieces = [&after[..at], &after[at..]];
            let (text, dropped) = joined(before, &pieces, false);
            assert_eq!(text, expected, "{before:?} + {after:?} cut at {at}");
            let kept: Vec<u16> = after.encode_utf16().skip(dropped).collect();
            assert_eq!(format!("{before}{}", String::from_utf16(&kept).unwrap()), expected);
        }
        let letters: Vec<String> = after.chars().map(|it| it.to_string()).collect();
        let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
        assert_eq!(joined(before, &letters, false).0, expected, "letter by letter");
    }

    #[test]
    fn a_continuation_is_appended() {
        check("One two", " three", "One two three");
        check("One two ", "three", "One two three");
        check("One tw", "o three", "One two three");
        check("One two", "", "One two");
        check("", "One", "One");
        check("Über Bonn: ", "日本語", "Über Bonn: 日本語");
        // A few equal letters may be chance.
        check("banana an", "an apple", "banana anan apple");
    }

    #[test]
    fn a_repetition_is_dropped() {
        check("One two three", "One two three four", "One two three four");
        check("One two thr", "One two three four", "One two three four");
        check("One two ", "One two three", "One two three");
        check("It rains in Bonn today", "\nin Bonn today, and", "It rains in Bonn today, and");
        check("It rains in Bonn today ", "in Bonn today and", "It rains in Bonn today and");
        check("It rains in Bonn tod", "rains in Bonn today", "It rains in Bonn today");
        check(
            "今日はボンで雨が降っていますが、",
            "ボンで雨が降っていますが、明日は",
            "今日はボンで雨が降っていますが、明日は",
        );
        check("see example.org/a/b/c/d/e", "mple.org/a/b/c/d/e/f", "see example.org/a/b/c/d/e/f");
        // A continuation that only repeats adds nothing.
        check("It rains in Bonn today", "in Bonn today", "It rains in Bonn today");
        check("It rains in Bonn today", "It rains in Bonn", "It rains in Bonn today");
    }

    #[test]
    fn an_exact_continuation_loses_only_doubled_white_space() {
        let again = "very good and very good";
        assert_eq!(joined(again, &[again], true).0, format!("{again}{again}"));
        assert_eq!(joined("One ", &[" ", "two"], true).0, "One two");
        assert_eq!(joined("One\n\n", &["\n", "two"], true).0, "One\n\ntwo");
    }

    proptest! {
        /// The text, cut anywhere, continued by a model that repeats its end from any word on, in
        /// random chunks.
        #[test]
        fn the_text_is_complete_for_every_cut_and_repetition(
            words in proptest::collection::vec("[a-z]{1,9}", 3..30),
            cut in 0.0..1.0_f64,
            from in 0_usize..30,
            size in 1_usize..9,
        ) {
            // Numbered, so that no words recur.
            let words: Vec<String> =
                words.iter().enumerate().map(|(at, it)| format!("{it}{at}")).collect();
            let text = words.join(" ");
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "an index")]
            let cut = (text.len() as f64 * cut) as usize;
            let before = &text[..cut];
            let starts: Vec<usize> =
                std::iter::once(0).chain(text.match_indices(' ').map(|(at, _)| at + 1)).collect();
            let repeated = starts[from % starts.len()];
            // A model repeats at least this much, or nothing.
            let is_long = repeated + super::LEAST_OVERLAP <= before.trim_end().len();
            let after = if is_long { &text[repeated..] } else { &text[cut..] };
            // A text this short that recurs by chance is taken for a repetition.
            let is_chance = !before.is_empty() && after.starts_with(before);
            prop_assume!(is_long || !is_chance);
            let bytes: Vec<&str> = after
                .as_bytes()
                .chunks(size)
                .map(|it| std::str::from_utf8(it).unwrap())
                .collect();
            prop_assert_eq!(joined(before, &bytes, false).0, text);
        }
    }
}
