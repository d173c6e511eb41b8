//! Finds placeholders in a model's text, including the variants that models write.
//!
//! `[EMAIL_1]` also as `[email_1]`, `[ EMAIL 1 ]`, `[Email-1]`, `\[EMAIL\_1\]`, `【EMAIL_1】`,
//! `<EMAIL_1>`, `[EMAIL_1's]` and, without brackets, `EMAIL_1`.

use super::kind::{Kind, SEPARATORS, closing, is_padding, is_separator, joins_words, narrow};

/// The result at a position of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// No placeholder begins here.
    Nothing,
    /// A placeholder may begin here, but the text ends inside it.
    Unfinished,
    /// A placeholder that ends before `end`. `tail` is text inside its brackets that belongs after
    /// the value.
    Placeholder { kind: usize, number: u32, end: usize, tail: (usize, usize) },
}

use Found::{Nothing, Placeholder, Unfinished};

/// The kind and number of a placeholder, without its brackets.
struct Body {
    kind: usize,
    number: u32,
    end: usize,
    /// Whether it differs from an ordinary word even without brackets.
    stands_alone: bool,
}

enum Read {
    Nothing,
    Unfinished,
    Body(Body),
}

/// The maximum number of digits.
const DIGITS: usize = 7;

/// The text to search.
pub(super) struct Finder<'a> {
    pub(super) kinds: &'a [Kind],
    /// The kinds that have placeholders, in order.
    pub(super) live: &'a [usize],
    /// The placeholders that exist.
    pub(super) holds: &'a dyn Fn(usize, u32) -> bool,
    /// Whether the text continues, so that its end isn't final.
    pub(super) goes_on: bool,
}

impl Finder<'_> {
    /// Returns the result at this position. `before` is the preceding character.
    pub(super) fn at(&self, text: &str, at: usize, before: Option<char>) -> Found {
        let rest = text.get(at..).unwrap_or_default();
        let Some(first) = rest.chars().next() else { return Nothing };
        let found = self.exact(text, at);
        if found != Nothing {
            return found;
        }
        if first == '\\' {
            return self.escaped(text, at);
        }
        if let Some(close) = self.closing(first) {
            return self.bracketed(text, at + first.len_utf8(), (first, close), false);
        }
        if narrow(first).is_ascii_alphabetic() && !before.is_some_and(joins_words) {
            return self.bare(text, at);
        }
        Nothing
    }

    fn live(&self) -> impl Iterator<Item = (usize, &Kind)> {
        self.live.iter().filter_map(|index| Some((*index, self.kinds.get(*index)?)))
    }

    /// The original form, with any brackets.
    fn exact(&self, text: &str, at: usize) -> Found {
        let rest = text.get(at..).unwrap_or_default();
        let mut is_unfinished = false;
        for (index, kind) in self.live() {
            let Some(tail) = rest.strip_prefix(kind.prefix.as_str()) else {
                is_unfinished |= kind.prefix.starts_with(rest);
                continue;
            };
            let digits = tail.bytes().take_while(u8::is_ascii_digit).count().min(DIGITS + 1);
            let behind = tail.get(digits..).unwrap_or_default();
            if behind.starts_with(kind.suffix.as_str()) && digits > 0 {
                let number = tail.get(..digits).and_then(|it| it.parse().ok()).unwrap_or(0);
                if digits <= DIGITS && (self.holds)(index, number) {
                    let end = at + kind.prefix.len() + digits + kind.suffix.len();
                    return Placeholder { kind: index, number, end, tail: (end, end) };
                }
            }
            is_unfinished |= digits <= DIGITS
                && behind.len() < kind.suffix.len()
                && kind.suffix.starts_with(behind);
        }
        if is_unfinished && self.goes_on { Unfinished } else { Nothing }
    }

    /// `\[EMAIL\_1\]`: the backslashes belong to it if the end has them too.
    fn escaped(&self, text: &str, at: usize) -> Found {
        let slashes = text.bytes().skip(at).take(2).take_while(|it| *it == b'\\').count();
        let open = at + slashes;
        match text.get(open..).and_then(|it| it.chars().next()) {
            None if self.goes_on => Unfinished,
            Some(first) => match self.closing(first) {
                Some(close) => self.bracketed(text, open + first.len_utf8(), (first, close), true),
                None => Nothing,
            },
            None => Nothing,
        }
    }

    fn closing(&self, open: char) -> Option<[char; 2]> {
        closing(open).or_else(|| {
            let (_, own) = self.live().find(|(_, kind)| kind.prefix.starts_with(open))?;
            own.suffix.chars().last().map(|it| [it, it])
        })
    }

    fn bracketed(
        &self,
        text: &str,
        from: usize,
        (open, close): (char, [char; 2]),
        is_escaped: bool,
    ) -> Found {
        let cut = if self.goes_on { Unfinished } else { Nothing };
        let doubles = usize::from(
            matches!(open, '{' | '<') && text.get(from..).is_some_and(|it| it.starts_with(open)),
        );
        let body = skip(text, from + doubles, SEPARATORS, is_padding);
        let body = match self.body(text, body) {
            Read::Nothing => return Nothing,
            Read::Unfinished => return cut,
            Read::Body(body) => body,
        };
        let tail = possessive(text, body.end);
        let mut at = skip(text, tail, SEPARATORS, is_padding);
        let slashes = at;
        at = skip(text, at, 2, |it| it == '\\');
        let is_closed_alike = !is_escaped || at > slashes;
        for _ in 0..=doubles {
            match text.get(at..).and_then(|it| it.chars().next()) {
                None => return cut,
                Some(it) if close.contains(&it) && is_closed_alike => at += it.len_utf8(),
                // The separator could still begin a possessive.
                Some(_) => return Nothing,
            }
        }
        Placeholder { kind: body.kind, number: body.number, end: at, tail: (body.end, tail) }
    }

    fn bare(&self, text: &str, at: usize) -> Found {
        match self.body(text, at) {
            Read::Nothing => Nothing,
            Read::Unfinished if self.goes_on => Unfinished,
            Read::Unfinished => Nothing,
            Read::Body(body) => match text.get(body.end..).and_then(|it| it.chars().next()) {
                None if self.goes_on => Unfinished,
                Some(next) if joins_words(next) => Nothing,
                _ if !body.stands_alone => Nothing,
                _ => Placeholder {
                    kind: body.kind,
                    number: body.number,
                    end: body.end,
                    tail: (body.end, body.end),
                },
            },
        }
    }

    fn body(&self, text: &str, at: usize) -> Read {
        let mut is_unfinished = false;
        for (index, kind) in self.live() {
            match read_body(text, at, index, &kind.words) {
                Read::Body(body) if (self.holds)(index, body.number) => return Read::Body(body),
                // More digits could make it an existing number.
                Read::Body(body) => is_unfinished |= body.end == text.len(),
                Read::Unfinished => is_unfinished = true,
                Read::Nothing => {}
            }
        }
        if is_unfinished { Read::Unfinished } else { Read::Nothing }
    }

    /// Returns every number that follows the letters of a kind, so that new placeholders get other
    /// numbers.
    pub(super) fn numbers(&self, text: &str, found: &mut Vec<(usize, u32)>) {
        for (at, first) in text.char_indices() {
            if !narrow(first).is_ascii_alphabetic() {
                continue;
            }
            for (index, kind) in self.live() {
                if let Read::Body(body) = read_body(text, at, index, &kind.words) {
                    found.push((index, body.number));
                }
            }
        }
    }
}

/// Parses `CREDIT_CARD_1`, in any case and with any separators.
fn read_body(text: &str, from: usize, kind: usize, words: &[String]) -> Read {
    let mut at = from;
    let mut is_upper = true;
    let mut letters = 0;
    for (index, word) in words.iter().enumerate() {
        if index > 0 {
            at = skip(text, at, SEPARATORS, is_separator);
        }
        for expected in word.chars() {
            let Some(found) = text.get(at..).and_then(|it| it.chars().next()) else {
                return Read::Unfinished;
            };
            let plain = narrow(found);
            if plain.to_ascii_uppercase() != expected {
                return Read::Nothing;
            }
            is_upper &= plain.is_ascii_uppercase();
            letters += 1;
            at += found.len_utf8();
        }
    }
    let separators = at;
    at = skip(text, at, SEPARATORS, is_separator);
    let between = text.get(separators..at).unwrap_or_default();
    let (mut number, mut digits) = (0_u32, 0);
    while let Some(found) = text.get(at..).and_then(|it| it.chars().next()) {
        let Some(digit) = narrow(found).to_digit(10).filter(|_| digits <= DIGITS) else { break };
        number = number.saturating_mul(10).saturating_add(digit);
        digits += 1;
        at += found.len_utf8();
    }
    if digits == 0 && at == text.len() {
        return Read::Unfinished;
    }
    if digits == 0 || digits > DIGITS {
        return Read::Nothing;
    }
    let has_underscore = between.chars().any(|it| narrow(it) == '_');
    // The number of the next list item begins a line.
    let stands_alone = !between.contains('\n')
        && (has_underscore || (is_upper && (!between.is_empty() || letters >= 4)));
    Read::Body(Body { kind, number, end: at, stands_alone })
}

/// Returns the end of `'s`, if it is here.
fn possessive(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let mut chars = rest.chars();
    match chars.next() {
        Some(mark @ ('\'' | '\u{2019}')) => {
            at + mark.len_utf8() + usize::from(matches!(chars.next(), Some('s' | 'S')))
        }
        Some('s') => at + 1,
        _ => at,
    }
}

fn skip(text: &str, from: usize, most: usize, is: fn(char) -> bool) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    from + rest.chars().take(most).take_while(|it| is(*it)).map(char::len_utf8).sum::<usize>()
}
