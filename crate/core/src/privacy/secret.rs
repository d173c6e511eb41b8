//! Keys and tokens of services by their known prefixes, passwords in URLs, and values announced as
//! a key or a password.

use super::text::{Text, is_letter};
use super::words::{LONGEST_WORD, Sense, sense_of};
use crate::base64::decode;

/// Prefixes of keys in their original case; the last two digits are the minimum number of further
/// characters.
const MARKS: &[u8] = b"\
AIza30 AKIA16 ASIA16 ATATT20 AGE-SECRET-KEY-50 GOCSPX-20 NRAK-20 PMAK-24 SG.30 \
dop_v1_32 doo_v1_32 dor_v1_32 dckr_pat_20 dckr_oat_20 dapi32 \
discord.com/api/webhooks/20 discordapp.com/api/webhooks/20 figd_20 ghp_30 gho_30 \
ghu_30 ghs_30 ghr_30 github_pat_22 glpat-20 gldt-20 gsk_20 glsa_30 hf_30 hvs.24 \
hooks.slack.com/services/20 hooks.zapier.com/hooks/catch/10 lin_api_30 nvapi-20 \
npm_30 ntn_30 pypi-30 pplx-20 patv1.30 rk_live_16 rk_test_16 r8_30 rubygems_40 \
sk-20 sk_live_16 sk_test_16 shpat_32 shpca_32 shppa_32 shpss_32 sbp_30 secret_40 \
sq0atp-20 sq0csp-20 tskey-20 whsec_16 xoxb-10 xoxp-10 xoxa-10 xoxr-10 xoxs-10 \
xoxe-10 xapp-10 xai-20 xkeysib-30 ya29.20";

const MARK_SLOTS: usize = 256;

/// An index of `MARKS` by their first three letters: the position plus one, in the first free slot
/// from the letters' hash on.
#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "evaluated, and so checked, at compile time"
)]
const BEGINNINGS: [u16; MARK_SLOTS] = {
    let mut starts = [0; MARK_SLOTS];
    let mut at = 0;
    let mut last = [0; 3];
    while at < MARKS.len() {
        let letters = [MARKS[at], MARKS[at + 1], MARKS[at + 2]];
        if letters[0] != last[0] || letters[1] != last[1] || letters[2] != last[2] {
            let mut slot = mark_slot(letters[0], letters[1], letters[2]);
            while starts[slot] != 0 {
                slot = (slot + 1) % MARK_SLOTS;
            }
            starts[slot] = at as u16 + 1;
            last = letters;
        }
        while at < MARKS.len() && MARKS[at] != b' ' {
            at += 1;
        }
        at += 1;
    }
    starts
};

const fn mark_slot(a: u8, b: u8, c: u8) -> usize {
    (a as usize * 7 + b as usize * 31 + c as usize * 3) % MARK_SLOTS
}

/// Returns the prefixes that begin with these letters, and all later ones.
fn marks_from(letters: [u8; 3]) -> Option<&'static [u8]> {
    let mut slot = mark_slot(letters[0], letters[1], letters[2]);
    loop {
        let start = BEGINNINGS.get(slot).copied()?.checked_sub(1)?;
        let marks = MARKS.get(usize::from(start)..)?;
        if marks.starts_with(&letters) {
            return Some(marks);
        }
        slot = (slot + 1) % MARK_SLOTS;
    }
}

fn is_of_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'+' | b'/' | b'=' | b'~')
}

fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// The maximum reported length of a key.
const LONGEST: usize = 400;

/// The run of key characters around a position, and the next position of each character class.
/// Remembers how far it has read, so that many prefixes in one run cost no more than the run.
#[derive(Debug, Default)]
pub(super) struct KeyRun {
    from: usize,
    to: usize,
    digit: Next,
    upper: Next,
    lower: Next,
    joint: Next,
}

/// The first position of a class at or after another position.
#[derive(Debug, Default)]
struct Next {
    from: usize,
    at: usize,
}

impl Next {
    /// Whether a slice contains one. Slices are requested from left to right.
    fn is_in(&mut self, text: Text<'_>, from: usize, to: usize, is: impl Fn(u8) -> bool) -> bool {
        if from < self.from || self.at < from {
            (self.from, self.at) = (from, from);
        }
        while self.at < to && !is(text.at(self.at)) {
            self.at += 1;
        }
        self.at < to
    }
}

impl KeyRun {
    /// Returns the end of a key that begins at this word.
    pub(super) fn marked_end(&mut self, text: Text<'_>, at: usize) -> Option<usize> {
        let &[a, b, c, ..] = text.0.get(at..)? else { return None };
        let letters = [a, b, c];
        let mut marks = marks_from(letters)?;
        while marks.starts_with(&letters) {
            let end = marks.iter().position(|&byte| byte == b' ').unwrap_or(marks.len());
            let (entry, rest) = marks.split_at_checked(end)?;
            marks = rest.get(1..).unwrap_or_default();
            let (mark, least) = entry.split_at_checked(end - 2)?;
            let from = at + mark.len();
            if text.slice(at, from) == mark
                && let Some(end) = self.end(text, from, Text(least).value(0, 2) as usize, mark)
            {
                return Some(end);
            }
        }
        None
    }

    /// Returns the end of the run of key characters that contains a position.
    fn run_end(&mut self, text: Text<'_>, from: usize) -> usize {
        if !(self.from..self.to).contains(&from) {
            (self.from, self.to) = (from, from + text.run(from, usize::MAX, is_of_key));
        }
        self.to
    }

    /// Returns the end of a key whose characters begin here, if there are enough of more than one
    /// class.
    fn end(&mut self, text: Text<'_>, from: usize, least: usize, mark: &[u8]) -> Option<usize> {
        let end = self.run_end(text, from);
        if end - from < least {
            return None;
        }
        // Identifiers, as in `npm_install_types_of_node_6290`.
        if matches!(mark, b"npm_" | b"hf_") && text.slice(from, from + least).contains(&b'_') {
            return None;
        }
        let to = end.min(from + least.max(64));
        let digits = self.digit.is_in(text, from, to, |byte| byte.is_ascii_digit());
        let upper = self.upper.is_in(text, from, to, |byte| byte.is_ascii_uppercase());
        let lower = self.lower.is_in(text, from, to, |byte| byte.is_ascii_lowercase());
        let is_mixed = upper && lower && {
            // CSS classes begin with `sk-`, too.
            let is_joint = |byte: u8| matches!(byte, b'-' | b'_' | b'.' | b'/');
            mark != b"sk-" || !self.joint.is_in(text, from, to, is_joint)
        };
        ((digits && (upper || lower)) || is_mixed).then(|| end.min(from + LONGEST))
    }
}

/// JSON web tokens: three parts in base64, the first of which is an object. Remembers how far it
/// has read.
#[derive(Debug, Default)]
pub(super) struct SignedTokens {
    head: usize,
    body: usize,
}

impl SignedTokens {
    /// Returns the end of the token that begins here with `eyJ`.
    pub(super) fn end(&mut self, text: Text<'_>, at: usize) -> Option<usize> {
        if text.at(at) != b'e' || text.slice(at, at + 3) != b"eyJ" {
            return None;
        }
        if self.head <= at {
            self.head = at + text.run(at, usize::MAX, is_of_token);
            self.body = self.head + 1 + text.run(self.head + 1, usize::MAX, is_of_token);
        }
        let is_one = self.head - at >= 16
            && self.body - self.head > 8
            && text.at(self.head) == b'.'
            && text.at(self.body) == b'.';
        is_one.then(|| self.body + 1 + text.run(self.body + 1, LONGEST, is_of_token))
    }
}

/// Private keys in PEM format. Remembers how far it has searched for an end.
#[derive(Debug, Default)]
pub(super) struct Armour {
    endless: usize,
}

impl Armour {
    /// Returns the end of a private key that begins here: after its last line, or after its first
    /// if that is far away.
    pub(super) fn end(&mut self, text: Text<'_>, at: usize) -> Option<usize> {
        const LONGEST_ARMOUR: usize = 8192;
        if !text.reads(at, b"-----begin ") {
            return None;
        }
        let key = (at + 11..at + 40)
            .find(|&it| text.at(it) | 0x20 == b'p' && text.reads(it, b"private key"))?;
        let head = key + 11 + text.run(key + 11, 16, |byte| byte != b'\n');
        let from = head.max(self.endless);
        let body = text.slice(from, head + LONGEST_ARMOUR);
        let Some(end) = body.windows(8).position(|it| it == b"-----END") else {
            self.endless = (head + LONGEST_ARMOUR).saturating_sub(8);
            return Some(head);
        };
        let end = from + end + 8;
        Some(end + text.run(end, 48, |byte| byte != b'\n'))
    }
}

/// Returns a password in a URL, `scheme://user:password@host`, from the position of its `://`.
pub(super) fn in_address(text: Text<'_>, at: usize) -> Option<(usize, usize)> {
    const LONGEST_NAME: usize = 128;
    let is_of_name = |byte: u8| !byte.is_ascii_whitespace() && !b"/@\"'<>`:{}$".contains(&byte);
    let user = at + 3 + text.run(at + 3, LONGEST_NAME, is_of_name);
    if text.at(user) != b':' {
        return None;
    }
    let is_of_password =
        |byte: u8| !byte.is_ascii_whitespace() && !b"/@\"'<>`\\()[]*".contains(&byte);
    let to = user + 1 + text.run(user + 1, LONGEST_NAME, is_of_password);
    let password = text.slice(user + 1, to);
    let is_real = password.len() >= 3
        && !matches!(password, [b'$' | b'{' | b'*' | b'[' | b'.', ..])
        && !is_known_word(password);
    (text.at(to) == b'@' && is_real).then_some((user + 1, to))
}

/// Returns the password of `Authorization: Basic` after `Basic`: base64 of a name, a colon and a
/// password.
pub(super) fn basic(text: Text<'_>, at: usize) -> Option<(usize, usize)> {
    let from = at + text.run(at, 2, |byte| byte == b' ');
    let to = from + text.run(from, LONGEST, is_of_key);
    let written = core::str::from_utf8(text.slice(from, to)).ok().filter(|it| it.len() >= 8)?;
    let decoded = decode(written);
    let is_pair = decoded.contains(&b':') && decoded.iter().all(|byte| (b' '..0x7F).contains(byte));
    (from > at && is_pair).then_some((from, to))
}

const UPPER: u8 = 2;
const LOWER: u8 = 3;

/// The class of each byte, from 1 on: digits, capitals, small letters, joiners, other characters.
#[expect(clippy::indexing_slicing, reason = "evaluated, and so checked, at compile time")]
const SORTS: [u8; 256] = {
    let mut sorts = [5; 256];
    let mut byte = 0;
    while byte < 128 {
        sorts[byte as usize] = match byte {
            b'0'..=b'9' => 1,
            b'A'..=b'Z' => UPPER,
            b'a'..=b'z' => LOWER,
            b'-' | b'_' | b'.' | b'/' => 4,
            _ => 5,
        };
        byte += 1;
    }
    sorts
};

/// The classes of characters in a text.
#[derive(Clone, Copy, Debug, Default)]
struct Traits {
    digits: usize,
    upper: usize,
    lower: usize,
    /// The number of changes between character classes.
    changes: usize,
    /// The number of runs of at least two capitals.
    shouts: usize,
    /// The length of the longest run of small letters.
    longest: usize,
    marks: usize,
    joints: usize,
}

impl Traits {
    fn of(text: &[u8]) -> Self {
        let mut traits = Self::default();
        let mut counts = [0; 6];
        let (mut before, mut row) = (0, 0);
        for &byte in text {
            let sort = SORTS.get(usize::from(byte)).copied().unwrap_or(0);
            if let Some(count) = counts.get_mut(usize::from(sort)) {
                *count += 1;
            }
            if sort == before {
                row += 1;
                traits.shouts += usize::from(sort == UPPER && row == 2);
            } else {
                // A capital before small letters is an ordinary word.
                traits.changes += usize::from(before != UPPER || sort != LOWER);
                (before, row) = (sort, 1);
            }
            if sort == LOWER {
                traits.longest = traits.longest.max(row);
            }
        }
        let [_, digits, upper, lower, joints, marks] = counts;
        Self { digits, upper, lower, joints, marks, ..traits }
    }

    fn letters(&self) -> usize {
        self.upper + self.lower
    }
}

/// Whether documents use this word in place of a secret.
fn is_known_word(word: &[u8]) -> bool {
    let trimmed = word.iter().rev().take_while(|it| !it.is_ascii_alphanumeric()).count();
    let bare = word.get(..word.len() - trimmed).unwrap_or_default();
    (bare.len() <= LONGEST_WORD && sense_of(bare).is_some()) || is_placeholder(bare)
}

/// Whether a value consists of little more than a word like `password`. `pass` among letters and
/// digits occurs by chance.
fn is_placeholder(value: &[u8]) -> bool {
    const WORDS: [&[u8]; 6] = [b"pass", b"secret", b"your", b"example", b"xxx", b"..."];
    const OTHERS: [&[u8]; 6] = [b"word", b"key", b"token", b"user", b"my", b"here"];
    let begins = |rest: &[u8], word: &[u8]| {
        rest.get(..word.len()).is_some_and(|it| it.eq_ignore_ascii_case(word))
    };
    let (mut is_named, mut letters, mut digits) = (false, 0, 0);
    let mut rest = value;
    while let [byte, behind @ ..] = rest {
        let word = WORDS.iter().chain(&OTHERS).find(|word| begins(rest, word));
        is_named |= WORDS.iter().any(|word| begins(rest, word));
        letters += usize::from(word.is_none() && byte.is_ascii_alphabetic());
        digits += usize::from(word.is_none() && byte.is_ascii_digit());
        rest = word.and_then(|word| rest.get(word.len()..)).unwrap_or(behind);
    }
    is_named && (letters == 0 || digits == 0 || letters + digits < 4)
}

/// Whether a value contains syntax of programs that secrets do not: `${`, `::`, `->` and the like.
fn holds_code(value: &[u8]) -> bool {
    let is_setting = value.starts_with(b"process.env") || value.starts_with(b"import.meta");
    is_setting
        || value.windows(2).any(|it| match it {
            [a @ (b':' | b'&' | b'|' | b'='), b] => a == b || (*a == b'=' && *b == b'>'),
            [b'$', b'{'] | [b'-', b'>'] | [b'?', b'.'] => true,
            _ => false,
        })
}

/// Returns the value after the name of a password or key that ends at `at`: `api_key = "…"`,
/// `Password: …`, `Bearer …`.
pub(super) fn named(
    text: Text<'_>,
    values: &mut Values,
    at: usize,
    sense: Sense,
    is_bearer: bool,
) -> Option<(usize, usize)> {
    const LONGEST_VALUE: usize = 72;
    // `passwordRules` and `token_url` name something else.
    let mut from =
        at + text.run(at, 4, |byte| byte.is_ascii_digit() || matches!(byte, b'_' | b'-'));
    if is_letter(text.at(from)) {
        return None;
    }
    // `Secrets::Chacha20Poly1305`
    if text.at(from) == b':' && text.at(from + 1) == b':' && is_letter(text.at(from + 2)) {
        return None;
    }
    let (mut has_sign, mut is_linked, mut is_quoted, mut lines) = (is_bearer, false, false, 0);
    // Punctuation, quotes and small words: `is`, `my`, `value`.
    for _ in 0..5 {
        let start = from;
        let mut width = 0;
        while width < 10 {
            match text.at(from) {
                b':' | b'=' => has_sign = true,
                b'"' | b'\'' | b'`' => is_quoted = true,
                b'\n' if from < text.len() && lines < 2 => lines += 1,
                b' ' | b'.' | b'\t' | b'\r' | b'>' | b'*' | b'|' | b'(' | b')' | b'\x1e' => {}
                _ => break,
            }
            from += 1;
            width += 1;
        }
        if from == start {
            return None;
        }
        let width = text.run(from, 12, |byte| byte.is_ascii_alphabetic());
        match sense_of(text.slice(from, from + width)) {
            Some(Sense::Link) if text.at(from + width) == b' ' => is_linked = true,
            Some(Sense::Filler) if matches!(text.at(from + width), b' ' | b':' | b'=' | b'.') => {}
            Some(Sense::Basic) if text.at(from + width) == b' ' => return None,
            _ => break,
        }
        from += width;
    }
    if !has_sign && !is_linked {
        return None;
    }
    let end = values.run_end(text, from);
    let length = (end - from).min(LONGEST_VALUE);
    let trimmed = text.run_back(from + length, length, |byte| b".:!?*_".contains(&byte));
    let to = from + length - trimmed;
    let value = text.slice(from, to);
    let after = text.at(from + length);
    // Calls, templates, paths and asterisks replace a value.
    if matches!(after, b'(' | b'[' | b'{' | b'<')
        || matches!(
            value,
            [
                b'$' | b'%' | b'*' | b'/' | b'.' | b'&' | b'-' | b'+' | b'\\' | b'@' | b'#' | b'=',
                ..
            ]
        )
        || holds_code(value)
        || (value.len() <= LONGEST_WORD && sense_of(value).is_some())
        || (value.len() < 16 && is_known_word(value))
    {
        return None;
    }
    // Beyond this limit a value counts as a secret without another check.
    values.seen += 1;
    if values.seen > Values::MOST && sense != Sense::Id {
        return Some((from, end));
    }
    let traits = Traits::of(value);
    let is_one = match sense {
        Sense::Password => is_password(
            value,
            traits,
            is_quoted,
            has_sign && (matches!(after, b'\n' | b'\r') || (is_quoted && after != b' ')),
            lines,
        ),
        Sense::Id => {
            let is_number = value.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
            is_number
                && (6..=20).contains(&value.len())
                && traits.digits >= 4
                && traits.upper > 0
                && traits.lower == 0
        }
        _ => is_key(value, traits, lines),
    };
    // A long value is a secret up to its end.
    is_one.then_some((from, if length < LONGEST_VALUE { to } else { end }))
}

/// The run of characters of a value around a position, and the number of values in it examined so
/// far.
#[derive(Debug, Default)]
pub(super) struct Values {
    from: usize,
    to: usize,
    seen: usize,
}

impl Values {
    /// The maximum number of values examined per run.
    const MOST: usize = 8;

    fn run_end(&mut self, text: Text<'_>, from: usize) -> usize {
        if !(self.from..self.to).contains(&from) {
            let is_of_value =
                |byte: u8| !byte.is_ascii_whitespace() && !b"\"'`<>,;|()[]{}\x1e".contains(&byte);
            (self.from, self.to) = (from, from + text.run(from, usize::MAX, is_of_value));
            self.seen = 0;
        }
        self.to
    }
}

fn is_password(value: &[u8], traits: Traits, is_quoted: bool, is_last: bool, lines: usize) -> bool {
    let is_property =
        value.windows(2).any(|it| matches!(it, [b'.', next] if next.is_ascii_lowercase()));
    let (mixed, letters) = (traits.digits > 0 && traits.letters() > 0, traits.letters());
    // `WIN32_ERROR`, `__uint64`, `0x0000`, `16u32`
    let is_constant = (traits.lower == 0 && value.contains(&b'_'))
        || value.starts_with(b"_")
        || value.starts_with(b"0x")
        || value.ends_with(b"u32")
        || value.ends_with(b"i32");
    match value.len() {
        0..4 => false,
        _ if is_constant => false,
        _ if is_property && !is_quoted && traits.digits < 2 => false,
        _ if mixed => value.len() >= 5,
        _ if letters == 0 => traits.digits >= 4 && lines == 0 && value.len() <= 12,
        _ if traits.marks > 0 => value.len() >= 6 && lines == 0,
        // Ordinary words count only if nothing but the value follows.
        _ => {
            let is_name = traits.changes > 1 || traits.joints > 0;
            is_last
                && lines == 0
                && !is_name
                && value.len() >= 5
                && (2..=24).contains(&letters)
                && traits.lower > 0
        }
    }
}

fn is_key(value: &[u8], traits: Traits, lines: usize) -> bool {
    if traits.marks > 2 || lines > 1 || !value.iter().all(|&byte| is_of_key(byte)) {
        return false;
    }
    // `my-secret-1234`, `config.token2`, `imdsV2SessionToken`: identifiers of joined words with few
    // digits.
    let is_name = (traits.lower == 0 && (value.contains(&b'_') || traits.digits * 8 < value.len()))
        || (traits.joints > 0 && traits.upper == 0 && traits.digits * 4 < value.len())
        || (traits.digits < 3 && traits.longest > 4 && traits.shouts < 2)
        || (traits.digits == 0 && value.contains(&b'.'));
    let is_mixed = traits.digits > 0 && traits.letters() > 0;
    !is_name
        && match value.len() {
            0..12 => false,
            12..16 => is_mixed && traits.digits >= 2 && traits.changes >= 4,
            _ => {
                (is_mixed && traits.changes >= 3)
                    || (traits.letters() == 0 && traits.joints == 0)
                    || (traits.shouts > 1 && traits.lower > 4 && traits.joints < 3)
            }
        }
}

#[cfg(test)]
mod tests {
    use super::{MARKS, marks_from};

    #[test]
    fn every_prefix_is_well_formed_and_can_begin() {
        for entry in MARKS.split(|byte| *byte == b' ') {
            let (mark, least) = entry.split_at(entry.len() - 2);
            assert!(least.iter().all(u8::is_ascii_digit) && mark.len() >= 2, "{entry:?}");
            let found = marks_from([mark[0], mark[1], mark[2]]).expect("a beginning");
            assert!(found.windows(entry.len()).any(|it| it == entry), "{entry:?}");
        }
        // Prefixes with the same three letters are adjacent.
        let beginnings: Vec<_> = MARKS.split(|byte| *byte == b' ').map(|it| &it[..3]).collect();
        let groups = beginnings.chunk_by(|a, b| a == b).count();
        let distinct: std::collections::HashSet<_> = beginnings.iter().collect();
        assert_eq!(groups, distinct.len());
    }
}
