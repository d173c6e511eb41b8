//! Normalises texts for the detectors: digits of every script as ASCII, one kind of space and dash,
//! no invisible characters, no accents, and in a second version with escapes of editors and APIs
//! decoded.

use memchr::memchr3;

/// The zero of each script with decimal digits (general category Nd), up to Unicode 16.
const ZEROS: [u32; 70] = [
    0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6,
    0xE50, 0xED0, 0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50,
    0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10,
    0x104A0, 0x10D30, 0x10D40, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0,
    0x11650, 0x116C0, 0x116D0, 0x116DA, 0x11730, 0x118E0, 0x11950, 0x11BF0, 0x11C50, 0x11D50,
    0x11DA0, 0x11F50, 0x16130, 0x16A60, 0x16AC0, 0x16B50, 0x16D70, 0x1CCF0, 0x1E140, 0x1E2F0,
    0x1E4F0, 0x1E5F1, 0x1E950, 0x1FBF0,
];

/// The five alphabets of mathematical digits are contiguous.
const MATHEMATICAL: core::ops::RangeInclusive<u32> = 0x1D7CE..=0x1D7FF;

/// Letters from U+00C0 to U+017F without accents, in lower case.
const LATIN: &[u8; 192] = b"aaaaaaaceeeeiiiidnooooo ouuuuytsaaaaaaaceeeeiiiidnooooo ouuuuyty\
aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkkllllllllllnnnnnnnnnoooooooorrrrrrsssssssstttttt\
uuuuuuuuuuuuwwyyyzzzzzzs";

/// Invisible characters (`Default_Ignorable_Code_Point`), and marks that combine with the previous
/// letter.
const INVISIBLE: [(u32, u32); 22] = [
    (0x80, 0x9F),
    (0xAD, 0xAD),
    (0x300, 0x36F),
    (0x61C, 0x61C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x1AB0, 0x1AFF),
    (0x1DC0, 0x1DFF),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x20D0, 0x20FF),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFE20, 0xFE2F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
];

/// Returns a character by its HTML entity name, for characters that occur in personal data.
fn named_entity(name: &[u8]) -> Option<u32> {
    Some(match name {
        b"amp" => 0x26,
        b"lt" => 0x3C,
        b"gt" => 0x3E,
        b"quot" => 0x22,
        b"apos" => 0x27,
        b"nbsp" | b"ensp" | b"emsp" | b"thinsp" | b"hairsp" | b"numsp" | b"puncsp" | b"emsp13"
        | b"emsp14" | b"NonBreakingSpace" | b"ThinSpace" | b"VeryThinSpace" => 0x20,
        b"NewLine" => 0x0A,
        b"Tab" => 0x09,
        b"commat" => 0x40,
        b"period" => 0x2E,
        b"colon" => 0x3A,
        b"plus" => 0x2B,
        b"lpar" => 0x28,
        b"rpar" => 0x29,
        b"sol" => 0x2F,
        b"lowbar" => 0x5F,
        b"shy" | b"zwj" | b"zwnj" | b"lrm" | b"rlm" | b"NoBreak" | b"ZeroWidthSpace" => 0xAD,
        b"ndash" | b"mdash" | b"horbar" | b"hyphen" | b"dash" | b"minus" => 0x2D,
        b"middot" | b"bull" => 0xB7,
        b"num" => 0x23,
        b"equals" => 0x3D,
        _ => return None,
    })
}

/// The maximum length of an HTML entity, and of an escape that begins with a `\`.
const LONGEST_ENTITY: usize = 24;
const LONGEST_ESCAPE: usize = 10;

/// Returns the maximum length of an escape that begins with this byte.
fn reach(mark: u8) -> usize {
    match mark {
        b'&' => LONGEST_ENTITY,
        b'\\' => LONGEST_ESCAPE,
        b'%' => 3,
        _ => 0,
    }
}

/// Whether a text needs no normalisation: printable ASCII, tabs, line ends, and the ends of values.
pub(super) fn is_plain(text: &[u8]) -> bool {
    let is_plain =
        |byte: u8| matches!(byte, b' '..=b'~') || matches!(byte, b'\t' | b'\n' | b'\r' | 0x1E);
    // Without an early exit within a chunk, so that many bytes are compared at once.
    text.chunks(256).all(|chunk| chunk.iter().fold(true, |all, &byte| all & is_plain(byte)))
}

/// Bytes, and the source offset of each if that was requested.
#[derive(Debug, Default)]
pub(super) struct Plain {
    pub(super) bytes: Vec<u8>,
    origins: Option<Vec<usize>>,
}

impl Plain {
    pub(super) fn new(tracks: bool) -> Self {
        Self { bytes: Vec::new(), origins: tracks.then(Vec::new) }
    }

    fn push(&mut self, byte: u8, origin: usize) {
        self.bytes.push(byte);
        if let Some(origins) = &mut self.origins {
            origins.push(origin);
        }
    }

    fn extend(&mut self, bytes: &[u8], origin: usize) {
        self.bytes.extend_from_slice(bytes);
        if let Some(origins) = &mut self.origins {
            origins.extend(origin..origin + bytes.len());
        }
    }

    fn truncate(&mut self, length: usize) {
        self.bytes.truncate(length);
        if let Some(origins) = &mut self.origins {
            origins.truncate(length);
        }
    }

    /// Returns the source offset of a byte; `end` is returned for the position after the last.
    pub(super) fn origin(&self, at: usize, end: usize) -> usize {
        match &self.origins {
            Some(origins) => origins.get(at).copied().unwrap_or(end),
            None => at.min(end),
        }
    }

    /// Decodes escapes of Markdown, JSON, URLs and HTML at any nesting; `None` if there are none.
    pub(super) fn unescaped(text: &[u8], tracks: bool) -> Option<Self> {
        memchr3(b'\\', b'%', b'&', text)?;
        let mut plain = Self::new(tracks);
        plain.bytes.reserve(text.len());
        // An escape may end before `until`, a length of the decoded text.
        let (mut at, mut until, mut is_changed) = (0, 0, false);
        while let Some(&byte) = text.get(at) {
            let reached = reach(byte);
            if reached == 0 && plain.bytes.len() >= until {
                let rest = text.get(at..).unwrap_or_default();
                let width = memchr3(b'\\', b'%', b'&', rest).unwrap_or(rest.len());
                plain.extend(rest.get(..width).unwrap_or_default(), at);
                at += width;
                continue;
            }
            if plain.bytes.len() >= until
                && let Some((width, code)) = simple_escape(text.get(at..).unwrap_or_default())
            {
                // No escape is open to which it could belong.
                plain.push(code, at);
                at += width;
                is_changed = true;
                until = plain.bytes.len() - 1 + reach(code);
                continue;
            }
            if reached > 0 {
                until = until.max(plain.bytes.len() + reached);
            }
            plain.push(byte, at);
            at += 1;
            // The result of an escape may itself complete another one: `%2540`, `&amp;#64;`, `\\n`.
            while let Some((width, code)) = escape_at_end(&plain.bytes) {
                let start = plain.bytes.len() - width;
                let origin = plain.origin(start, at);
                plain.truncate(start);
                plain.push_code(code, origin);
                is_changed = true;
                let reached = plain.bytes.get(start).map_or(0, |it| reach(*it));
                if reached > 0 {
                    until = until.max(start + reached);
                }
            }
        }
        is_changed.then_some(plain)
    }

    /// Encodes a code point as UTF-8, including surrogates, which `folded` joins.
    fn push_code(&mut self, code: Code, origin: usize) {
        let code = match code {
            Code::Byte(byte) => return self.push(byte, origin),
            Code::Point(code) => code,
        };
        let byte = |shift: u32, mask: u32, mark: u32| low_byte((code >> shift) & mask | mark);
        match code {
            0..0x80 => self.push(byte(0, 0x7F, 0), origin),
            0x80..0x800 => {
                self.push(byte(6, 0x1F, 0xC0), origin);
                self.push(byte(0, 0x3F, 0x80), origin);
            }
            0x800..0x10000 => {
                self.push(byte(12, 0xF, 0xE0), origin);
                self.push(byte(6, 0x3F, 0x80), origin);
                self.push(byte(0, 0x3F, 0x80), origin);
            }
            _ => {
                self.push(byte(18, 7, 0xF0), origin);
                self.push(byte(12, 0x3F, 0x80), origin);
                self.push(byte(6, 0x3F, 0x80), origin);
                self.push(byte(0, 0x3F, 0x80), origin);
            }
        }
    }

    /// Normalises a text, so that look-alikes have one spelling. Bytes that aren't UTF-8 are kept.
    pub(super) fn folded(text: &[u8], source: Option<&Self>, tracks: bool) -> Self {
        let mut plain = Self::new(tracks);
        plain.bytes.reserve(text.len());
        let mut at = 0;
        while let Some(&byte) = text.get(at) {
            let origin = source.map_or(at, |it| it.origin(at, at));
            if (b' '..=b'~').contains(&byte) {
                plain.push(byte, origin);
                at += 1;
                continue;
            }
            if byte < 0x80 {
                match byte {
                    b'\t' | b'\n' | b'\r' | 0x1E => plain.push(byte, origin),
                    0x0B | 0x0C => plain.push(b'\n', origin),
                    _ => {}
                }
                at += control_width(text.get(at..).unwrap_or_default());
                continue;
            }
            if let [0xE4..=0xE9, b @ 0x80..=0xBF, c @ 0x80..=0xBF, ..] =
                text.get(at..).unwrap_or_default()
            {
                // Han, most of what is outside ASCII, stays unchanged.
                for byte in [byte, *b, *c] {
                    plain.push(byte, origin);
                }
                at += 3;
                continue;
            }
            let (code, width) = decoded(text.get(at..).unwrap_or_default());
            match fold(code) {
                Fold::Drop => {}
                Fold::Dash if plain.bytes.last().is_some_and(u8::is_ascii_digit) => {
                    plain.push(b'-', origin);
                }
                Fold::To(byte) => plain.push(byte, origin),
                Fold::Letter(code) => plain.push_code(Code::Point(code), origin),
                Fold::Keep | Fold::Dash => {
                    for &byte in text.get(at..at + width).unwrap_or_default() {
                        plain.push(byte, origin);
                    }
                }
            }
            at += width;
        }
        plain
    }
}

#[derive(Clone, Copy)]
enum Code {
    Byte(u8),
    Point(u32),
}

/// Returns length and value of an escape that is complete after its first bytes.
fn simple_escape(bytes: &[u8]) -> Option<(usize, u8)> {
    match *bytes {
        [b'\\', b'n' | b'r', ..] => Some((2, b'\n')),
        [b'\\', b't', ..] => Some((2, b'\t')),
        [b'\\', mark, ..] if mark.is_ascii_punctuation() => Some((2, mark)),
        [b'%', high, low, ..] => {
            Some((3, low_byte(hexadecimal(&[high, low]).filter(|it| *it > 0)?)))
        }
        _ => None,
    }
}

/// Returns length and value of the escape that ends with the last byte.
fn escape_at_end(bytes: &[u8]) -> Option<(usize, Code)> {
    let [.., before, last] = *bytes else { return None };
    match last {
        b'}' => return braced(bytes),
        b';' => return entity(bytes),
        _ => {}
    }
    if before == b'\\' {
        let byte = match last {
            b'n' | b'r' => b'\n',
            b't' => b'\t',
            mark if mark.is_ascii_punctuation() => mark,
            _ => return None,
        };
        return Some((2, Code::Byte(byte)));
    }
    if !last.is_ascii_hexdigit() {
        return None;
    }
    match *bytes {
        // Bytes as git and C write them.
        [.., b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7'] => {
            let byte = (a & 3) << 6 | (b & 7) << 3 | (c & 7);
            (byte > 0).then_some((4, Code::Byte(byte)))
        }
        [.., b'%', high, low] => {
            Some((3, Code::Byte(low_byte(hexadecimal(&[high, low]).filter(|it| *it > 0)?))))
        }
        [.., b'\\', b'x', high, low] => Some((4, Code::Point(hexadecimal(&[high, low])?))),
        [.., b'\\', b'u', a, b, c, d] => Some((6, Code::Point(hexadecimal(&[a, b, c, d])?))),
        [.., b'\\', b'U', _, _, _, _, _, _, _, _] => {
            let code = hexadecimal(bytes.get(bytes.len() - 8..)?)?;
            (code < 0x11_0000).then_some((10, Code::Point(code)))
        }
        _ => None,
    }
}

/// `\u{40}`
fn braced(bytes: &[u8]) -> Option<(usize, Code)> {
    let start = behind_last(bytes, b'{')?;
    let digits = bytes.get(start..bytes.len() - 1)?;
    let is_escape = bytes.get(..start)?.ends_with(b"\\u{");
    let code = hexadecimal(digits).filter(|_| is_escape)?;
    Some((digits.len() + 4, Code::Point(code)))
}

/// `&#64;`, `&#x40;`, `&commat;`
fn entity(bytes: &[u8]) -> Option<(usize, Code)> {
    let start = behind_last(bytes, b'&')?;
    let name = bytes.get(start..bytes.len() - 1)?;
    let code = match name {
        [b'#', b'x' | b'X', digits @ ..] => hexadecimal(digits)?,
        [b'#', digits @ ..] => core::str::from_utf8(digits).ok()?.parse().ok()?,
        name => named_entity(name)?,
    };
    (code < 0x11_0000).then_some((name.len() + 2, Code::Point(code)))
}

fn behind_last(bytes: &[u8], mark: u8) -> Option<usize> {
    let from = bytes.len().saturating_sub(LONGEST_ENTITY);
    let found = bytes.get(from..)?.iter().rposition(|&byte| byte == mark)?;
    Some(from + found + 1)
}

/// Returns the value of these digits, up to six without leading zeros.
fn hexadecimal(digits: &[u8]) -> Option<u32> {
    let mut value = 0;
    for &digit in digits {
        if value >= 1 << 20 {
            return None;
        }
        value = value * 16 + char::from(digit).to_digit(16)?;
    }
    (!digits.is_empty()).then_some(value)
}

/// Returns how many bytes of a control sequence to leave out: all of a terminal's `ESC [ 1 ; 32 m`.
fn control_width(bytes: &[u8]) -> usize {
    const LONGEST_SEQUENCE: usize = 32;
    let [0x1B, b'[', rest @ ..] = bytes else { return 1 };
    let is_parameter = |byte: &&u8| matches!(byte, b' '..=b'?');
    let width = rest.iter().take(LONGEST_SEQUENCE).take_while(is_parameter).count();
    let is_whole = rest.get(width).is_some_and(|it| (b'@'..=b'~').contains(it));
    if is_whole { width + 3 } else { 2 }
}

fn low_byte(code: u32) -> u8 {
    code.to_le_bytes()[0]
}

/// Returns the first code point and its length. A byte that begins none stands for itself.
fn decoded(bytes: &[u8]) -> (u32, usize) {
    let tail = |byte: &u8| u32::from(byte & 0x3F);
    let is_tail = |byte: &u8| byte & 0xC0 == 0x80;
    match bytes {
        [a @ 0xC2..=0xDF, b, ..] if is_tail(b) => (u32::from(a & 0x1F) << 6 | tail(b), 2),
        // A surrogate pair.
        [0xED, b @ 0xA0..=0xAF, c, 0xED, d @ 0xB0..=0xBF, e, ..] if is_tail(c) && is_tail(e) => {
            let high = u32::from(b & 0xF) << 6 | tail(c);
            (0x10000 + (high << 10 | u32::from(d & 0xF) << 6 | tail(e)), 6)
        }
        [a @ 0xE0..=0xEF, b, c, ..] if is_tail(b) && is_tail(c) => {
            (u32::from(a & 0xF) << 12 | tail(b) << 6 | tail(c), 3)
        }
        [a @ 0xF0..=0xF4, b, c, d, ..] if is_tail(b) && is_tail(c) && is_tail(d) => {
            (u32::from(a & 7) << 18 | tail(b) << 12 | tail(c) << 6 | tail(d), 4)
        }
        _ => (u32::MAX, 1),
    }
}

enum Fold {
    Drop,
    /// A dash after a digit; elsewhere a part of a letter.
    Dash,
    To(u8),
    Letter(u32),
    Keep,
}

/// Returns the normalised form of a character outside ASCII.
fn fold(code: u32) -> Fold {
    match code {
        // Han and Hangul, most of what is outside ASCII, need no lookup, nor do bytes that aren't
        // UTF-8.
        0x3400..0xA620 | 0xAC00..0xD800 | u32::MAX => return Fold::Keep,
        0x85 | 0x2028 | 0x2029 => return Fold::To(b'\n'),
        0xA0 | 0x1680 | 0x2000..=0x200A | 0x202F | 0x205F | 0x2800 | 0x3000 => {
            return Fold::To(b' ');
        }
        0x2010..=0x2015 | 0x2043 | 0x2212 | 0x5BE | 0xFE58 | 0xFE63 => return Fold::To(b'-'),
        0x301C | 0x30FC => return Fold::Dash,
        0xB7 | 0x2022 | 0x2024 | 0x2027 | 0x2219 | 0x22C5 | 0x3002 | 0x30FB | 0xFE52 | 0xFF61 => {
            return Fold::To(b'.');
        }
        0x2044 | 0x2215 => return Fold::To(b'/'),
        0x2018 | 0x2019 | 0x201C..=0x201E | 0xAB | 0xBB => return Fold::To(b'"'),
        0xFE6B => return Fold::To(b'@'),
        // Greek and Cyrillic capitals are 32 code points before their small letters.
        0x391..=0x3A9 | 0x410..=0x42F => return Fold::Letter(code + 32),
        // Greek, Cyrillic, Hebrew, kana and more of Latin contain neither digits nor invisible
        // characters.
        0x370..0x600 | 0x1E00..0x2000 | 0x3041..0x3100 => return Fold::Keep,
        _ => {}
    }
    let latin = code.checked_sub(0xC0).and_then(|it| LATIN.get(usize::try_from(it).ok()?));
    if let Some(&letter) = latin {
        return Fold::To(letter);
    }
    if let Some(digit) = digit(code) {
        return Fold::To(b'0' + low_byte(digit));
    }
    // Full-width forms are in ASCII order.
    if (0xFF01..=0xFF5E).contains(&code) {
        return Fold::To(low_byte(code - 0xFEE0));
    }
    let after = INVISIBLE.partition_point(|(_, last)| *last < code);
    match INVISIBLE.get(after) {
        Some((first, last)) if (*first..=*last).contains(&code) => Fold::Drop,
        _ => Fold::Keep,
    }
}

fn digit(code: u32) -> Option<u32> {
    if MATHEMATICAL.contains(&code) {
        return Some((code - MATHEMATICAL.start()) % 10);
    }
    let after = ZEROS.partition_point(|zero| *zero <= code);
    let value = code - ZEROS.get(after.checked_sub(1)?)?;
    (value < 10).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::{Plain, ZEROS};

    fn folded(text: &str) -> String {
        String::from_utf8(Plain::folded(text.as_bytes(), None, false).bytes).unwrap()
    }

    fn unescaped(text: &str) -> Option<String> {
        Plain::unescaped(text.as_bytes(), true).map(|it| String::from_utf8(it.bytes).unwrap())
    }

    #[test]
    fn look_alikes_have_one_spelling() {
        for (text, expected) in [
            ("４１１１", "4111"),
            ("٤١١١ ۴۱۱۱ ४१११", "4111 4111 4111"),
            ("𝟒𝟙𝟣𝟷", "4111"),
            ("a\u{200b}n\u{ad}n\u{2060}\u{feff}", "ann"),
            ("\u{200e}4111\u{200f}", "4111"),
            ("1\u{a0}2\u{2009}3\u{3000}4", "1 2 3 4"),
            ("1–2—3−4", "1-2-3-4"),
            ("ａｎｎ＠ｅｘａｍｐｌｅ．ｏｒｇ", "ann@example.org"),
            ("NÉ né ne\u{301} Ł", "Ne ne ne l"),
            ("ТЕЛЕФОН", "телефон"),
            ("漢字 한글 日本", "漢字 한글 日本"),
            ("4\u{fe0f}\u{20e3}1\u{1ab0}", "41"),
            ("4111\u{2800}1111・1111", "4111 1111.1111"),
            ("03ー1234〜5678 データ", "03-1234-5678 データ"),
            ("a\0b\x08c\x7fd\u{80}e\x0bf\x0cg", "abcde\nf\ng"),
            ("a\x1b[1;32m4111\x1b[0m\x1b[b", "a4111"),
            ("a\x1b(b\x1b[1\n", "a(b1\n"),
        ] {
            assert_eq!(folded(text), expected, "{text}");
        }
    }

    #[test]
    fn every_decimal_digit_of_unicode_is_known() {
        // The standard library's numeric characters include more than decimal digits; each of ours
        // must be among them.
        for zero in ZEROS {
            for value in 0..10 {
                let Some(digit) = char::from_u32(zero + value) else { panic!("{zero:x}") };
                assert_eq!(folded(&digit.to_string()), value.to_string(), "{zero:x} + {value}");
            }
        }
        assert!(ZEROS.is_sorted());
    }

    #[test]
    fn escapes_are_decoded_at_any_nesting() {
        for (text, expected) in [
            (r"4111\-1111", "4111-1111"),
            (r"ann\_b@example.org", "ann_b@example.org"),
            (r"card:\n4111", "card:\n4111"),
            (r"card:\\n4111", "card:\n4111"),
            (r"card:\\\\t4111", "card:\t4111"),
            (r"ann\u0040example.org", "ann@example.org"),
            (r"ann\x40example\u{2e}org", "ann@example.org"),
            ("ann%40example%2Eorg", "ann@example.org"),
            ("ann%2540example.org", "ann@example.org"),
            ("ann%252525252540example.org", "ann@example.org"),
            ("ann&#64;example&period;org", "ann@example.org"),
            ("ann&#x40;example.org", "ann@example.org"),
            ("ann&amp;commat;example.org", "ann@example.org"),
            ("%EF%BC%94", "４"),
            (r"\/\/", "//"),
            (
                "&#x00000040;&#0000000000064;&#x0000000000000000000040;",
                "@@&#x0000000000000000000040;",
            ),
            ("4&ZeroWidthSpace;1&NonBreakingSpace;2&minus;3", "4\u{ad}1 2-3"),
            (r"ann\U00000040example\056org", "ann@example.org"),
            (r"\u{000040}\U0001F600\303\251", "@😀é"),
            ("&#%36%34;&%2364;&am%70;#6%34;", "@@@"),
        ] {
            assert_eq!(unescaped(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "plain",
            "100% sure",
            "a & b",
            r"C:\Users",
            "&unknown;",
            "%zz",
            r"\u00zz",
            r"\U00110000",
            r"\400\18",
        ] {
            assert_eq!(unescaped(text), None, "{text}");
        }
    }

    #[test]
    fn surrogate_pairs_are_joined() {
        let plain = Plain::unescaped(br"\ud835\udfd2", false).unwrap();
        assert_eq!(Plain::folded(&plain.bytes, None, false).bytes, b"4");
    }

    #[test]
    fn every_byte_has_a_source_offset() {
        let text = "a%40\u{200b}４b";
        let plain = Plain::unescaped(text.as_bytes(), true).unwrap();
        let plain = Plain::folded(&plain.bytes, Some(&plain), true);
        assert_eq!(plain.bytes, b"a@4b");
        let origins: Vec<_> = (0..=4).map(|at| plain.origin(at, text.len())).collect();
        assert_eq!(origins, [0, 1, 7, 10, 11]);
    }
}
