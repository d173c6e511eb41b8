//! Keys and tokens of services by the marks their makers put on them, passwords in addresses, and whatever is called a key or a
//! password.

use super::text::{Text, is_letter};
use super::words::{Sense, sense_of};
use crate::base64::decode;

/// How keys begin, in the case they are made in, and in the last two digits how many more characters follow at least.
const MARKS: &[u8] = b"\
AIza30 AKIA16 ASIA16 ATATT20 AGE-SECRET-KEY-50 GOCSPX-20 NRAK-20 PMAK-24 SG.30 \
dop_v1_32 doo_v1_32 dor_v1_32 dckr_pat_20 dckr_oat_20 dapi32 discord.com/api/webhooks/20 \
discordapp.com/api/webhooks/20 figd_20 ghp_30 gho_30 ghu_30 ghs_30 ghr_30 github_pat_22 \
glpat-20 gldt-20 gsk_20 glsa_30 hf_30 hvs.24 hooks.slack.com/services/20 \
hooks.zapier.com/hooks/catch/10 lin_api_30 nvapi-20 npm_30 ntn_30 pypi-30 pplx-20 \
patv1.30 rk_live_16 rk_test_16 r8_30 rubygems_40 sk-20 sk_live_16 sk_test_16 shpat_32 shpca_32 \
shppa_32 shpss_32 sbp_30 secret_40 sq0atp-20 sq0csp-20 tskey-20 whsec_16 xoxb-10 xoxp-10 \
xoxa-10 xoxr-10 xoxs-10 xoxe-10 xapp-10 xai-20 xkeysib-30 ya29.20";

/// Which letters marks begin with: two for each, in one bit of a row; and where those of a first letter begin.
const BEGINNINGS: ([u32; 64], [u16; 64]) = {
    let (mut rows, mut starts) = ([0; 64], [0; 64]);
    let mut at = 0;
    #[expect(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        reason = "checked by the compiler, which runs this"
    )]
    while at + 1 < MARKS.len() {
        if at == 0 || MARKS[at - 1] == b' ' {
            let row = (MARKS[at] & 63) as usize;
            if rows[row] == 0 {
                starts[row] = at as u16;
            }
            rows[row] |= 1 << (MARKS[at + 1] & 31);
        }
        at += 1;
    }
    (rows, starts)
};

fn is_of_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'+' | b'/' | b'=' | b'~')
}

fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// The longest key that is marked from its beginning to its end.
const LONGEST: usize = 400;

/// Where a key ends that begins at this word.
pub(super) fn marked_end(text: Text<'_>, at: usize) -> Option<usize> {
    let (first, second) = (text.at(at), text.at(at + 1));
    let row = usize::from(first & 63);
    if BEGINNINGS.0.get(row).copied().unwrap_or(0) & 1 << (second & 31) == 0 {
        return None;
    }
    let start = usize::from(BEGINNINGS.1.get(row).copied().unwrap_or(0));
    for entry in MARKS.get(start..)?.split(|&byte| byte == b' ') {
        if entry.first() != Some(&first) {
            break;
        }
        let (mark, least) = entry.split_at_checked(entry.len() - 2)?;
        if text.slice(at, at + mark.len()) != mark {
            continue;
        }
        let least = Text(least).value(0, 2) as usize;
        let from = at + mark.len();
        let seen = text.run(from, 64.max(least), is_of_key);
        if seen < least {
            continue;
        }
        let traits = Traits::of(text.slice(from, from + seen));
        // Classes of style sheets begin with `sk-` too.
        let is_name = mark == b"sk-" && traits.joints > 0;
        let is_mixed = traits.upper > 0 && traits.lower > 0 && !is_name;
        if (traits.digits > 0 && traits.letters() > 0) || is_mixed {
            return Some(from + text.run(from, LONGEST, is_of_key));
        }
    }
    None
}

/// JSON web tokens: three parts in base64, of which the first is an object. Remembers how far it has looked.
#[derive(Debug, Default)]
pub(super) struct SignedTokens {
    head: usize,
    body: usize,
}

impl SignedTokens {
    /// Where the token ends that begins here with `eyJ`.
    pub(super) fn end(&mut self, text: Text<'_>, at: usize) -> Option<usize> {
        if text.slice(at, at + 3) != b"eyJ" {
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

/// Private keys in their armour. Remembers how far it has looked for an end.
#[derive(Debug, Default)]
pub(super) struct Armour {
    endless: usize,
}

impl Armour {
    /// Where a private key ends that begins here: with its last line, or with its first if that is far away.
    pub(super) fn end(&mut self, text: Text<'_>, at: usize) -> Option<usize> {
        const LONGEST_ARMOUR: usize = 8192;
        if !text.reads(at, b"-----begin ") {
            return None;
        }
        let key = (at + 11..at + 40).find(|&it| text.reads(it, b"private key"))?;
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

/// A password in an address, `scheme://user:password@host`, from the place of its `://`.
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

/// The password of `Authorization: Basic`, from the end of `Basic` on: base64 of a name, a colon and a password.
pub(super) fn basic(text: Text<'_>, at: usize) -> Option<(usize, usize)> {
    let from = at + text.run(at, 2, |byte| byte == b' ');
    let to = from + text.run(from, LONGEST, is_of_key);
    let written = core::str::from_utf8(text.slice(from, to)).ok().filter(|it| it.len() >= 8)?;
    let decoded = decode(written);
    let is_pair = decoded.contains(&b':') && decoded.iter().all(|byte| (b' '..0x7F).contains(byte));
    (from > at && is_pair).then_some((from, to))
}

/// What a text is made of.
#[derive(Clone, Copy, Debug, Default)]
struct Traits {
    digits: usize,
    upper: usize,
    lower: usize,
    /// Changes from one sort of character to another.
    changes: usize,
    /// Rows of at least two capitals.
    shouts: usize,
    /// The longest row of small letters.
    longest: usize,
    marks: usize,
    joints: usize,
}

impl Traits {
    fn of(text: &[u8]) -> Self {
        let mut traits = Self::default();
        let (mut before, mut row) = (0, 0);
        for byte in text {
            let sort = match byte {
                b'0'..=b'9' => 1,
                b'A'..=b'Z' => 2,
                b'a'..=b'z' => 3,
                b'-' | b'_' | b'.' | b'/' => 4,
                _ => 5,
            };
            match sort {
                1 => traits.digits += 1,
                2 => traits.upper += 1,
                3 => traits.lower += 1,
                4 => traits.joints += 1,
                _ => traits.marks += 1,
            }
            let is_shout = sort == 2 && before == 2 && row == 1;
            traits.shouts += usize::from(is_shout);
            row = if sort == before { row + 1 } else { 1 };
            if sort == 3 {
                traits.longest = traits.longest.max(row);
            }
            // One capital before small letters is how words are written.
            traits.changes += usize::from(sort != before && !(before == 2 && sort == 3));
            before = sort;
        }
        traits
    }

    fn letters(&self) -> usize {
        self.upper + self.lower
    }
}

/// A word that documents write where something secret would stand.
fn is_known_word(word: &[u8]) -> bool {
    let trimmed = word.iter().rev().take_while(|it| !it.is_ascii_alphanumeric()).count();
    let bare = word.get(..word.len() - trimmed).unwrap_or_default();
    sense_of(bare).is_some()
        || [b"pass".as_slice(), b"secret", b"your", b"example", b"xxx", b"..."]
            .iter()
            .any(|it| bare.windows(it.len()).any(|part| part.eq_ignore_ascii_case(it)))
}

/// What values in programs hold and secrets do not.
const CODE: [&[u8]; 8] = [b"${", b"::", b"->", b"&&", b"||", b"=>", b"==", b"?."];

/// The value that follows a name of a password or key, which ends at `at`: `api_key = "…"`, `Password: …`, `Bearer …`.
pub(super) fn named(
    text: Text<'_>,
    at: usize,
    sense: Sense,
    is_bearer: bool,
) -> Option<(usize, usize)> {
    const LONGEST_VALUE: usize = 72;
    // `passwordRules` and `token_url` are about something else.
    let mut from =
        at + text.run(at, 4, |byte| byte.is_ascii_digit() || matches!(byte, b'_' | b'-'));
    if is_letter(text.at(from)) {
        return None;
    }
    let (mut has_sign, mut is_linked, mut is_quoted, mut lines) = (is_bearer, false, false, 0);
    // Signs, quotes and small words: `is`, `my`, `value`.
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
    let is_of_value =
        |byte: u8| !byte.is_ascii_whitespace() && !b"\"'`<>,;|()[]{}\x1e".contains(&byte);
    let length = text.run(from, LONGEST_VALUE, is_of_value);
    let trimmed = text.run_back(from + length, length, |byte| b".:!?*_".contains(&byte));
    let to = from + length - trimmed;
    let value = text.slice(from, to);
    let after = text.at(from + length);
    // Calls, templates, paths and stars stand for a value.
    if matches!(after, b'(' | b'[' | b'{' | b'<')
        || matches!(
            value,
            [
                b'$' | b'%' | b'*' | b'/' | b'.' | b'&' | b'-' | b'+' | b'\\' | b'@' | b'#' | b'=',
                ..
            ]
        )
        || value.windows(2).any(|it| CODE.contains(&it))
        || sense_of(value).is_some()
        || (value.len() < 16 && is_known_word(value))
    {
        return None;
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
    is_one.then_some((from, to))
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
        // Words alone: only where nothing but the value stands.
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
    // `my-secret-1234`, `config.token2`, `imdsV2SessionToken`: names, of words with joints and few digits.
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
    use super::{BEGINNINGS, MARKS};

    #[test]
    fn every_mark_is_well_formed_and_can_begin() {
        for entry in MARKS.split(|byte| *byte == b' ') {
            let (mark, least) = entry.split_at(entry.len() - 2);
            assert!(least.iter().all(u8::is_ascii_digit) && mark.len() >= 2, "{entry:?}");
            assert!(
                BEGINNINGS.0[usize::from(mark[0] & 63)] & 1 << (mark[1] & 31) != 0,
                "{entry:?}"
            );
        }
        // Those with one first letter stand together, and no two first letters share a row.
        assert!(MARKS.split(|byte| *byte == b' ').is_sorted_by_key(|entry| entry[0]));
    }
}
