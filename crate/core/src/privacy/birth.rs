//! Dates of birth: a date, and a word before it that says whose.

use super::scan::{Beginnings, Text};

/// What says that a birth is meant, by how it begins.
const WORDS: &[&[u8]] = &[
    b"birth",
    b"born",
    b"dob",
    b"d.o.b",
    b"bday",
    b"b-day",
    b"geboren",
    b"geburt",
    b"geb.",
    b"nacimiento",
    b"nacido",
    b"nacida",
    b"naissance",
    "né le".as_bytes(),
    "née le".as_bytes(),
    b"nato il",
    b"nata il",
    b"nascita",
    b"nascimento",
    b"geboortedatum",
    "født".as_bytes(),
    "född".as_bytes(),
];

/// What they begin with.
const BEGINNINGS: Beginnings = Beginnings::of(&[
    *b"bi", *b"bo", *b"do", *b"d.", *b"bd", *b"b-", *b"ge", *b"na", *b"n\xC3", *b"f\xC3",
]);

/// How far behind the word its date is looked for.
const NEAR: usize = 48;

/// Three letters of each month, in a few languages.
const MONTHS: &[&[u8]] = &[
    b"jan",
    b"feb",
    b"mar",
    b"apr",
    b"may",
    b"jun",
    b"jul",
    b"aug",
    b"sep",
    b"oct",
    b"nov",
    b"dec",
    "mär".as_bytes(),
    b"mai",
    b"okt",
    b"dez",
    b"ene",
    b"abr",
    b"ago",
    b"dic",
    "fév".as_bytes(),
    b"avr",
    "aoû".as_bytes(),
    "déc".as_bytes(),
    b"gen",
    b"mag",
    b"giu",
    b"lug",
    b"set",
    b"ott",
    b"out",
    b"maj",
];

/// Whether the word that begins here speaks of a birth and a date follows.
pub(super) fn is_told(text: Text<'_>, at: usize, first: u8) -> bool {
    if !BEGINNINGS.has(first, text.at(at + 1)) {
        return false;
    }
    let first = first.to_ascii_lowercase();
    let mut words = WORDS.iter().filter(|word| word.first() == Some(&first));
    let Some(word) = words.find(|word| text.says(at, word)) else { return false };
    let from = at + word.len();
    let mut has_month = false;
    let mut has_year = false;
    let mut cursor = from;
    while cursor < from + NEAR {
        let byte = text.at(cursor);
        let begins = !text.before(cursor).is_ascii_alphanumeric();
        if byte.is_ascii_digit() && begins {
            if is_date(text, cursor) {
                return true;
            }
            let length = text.run(cursor, 5, |byte| byte.is_ascii_digit());
            has_year |= length == 4 && is_year(value(text, cursor, 4));
            cursor += length;
        } else {
            let first = byte.to_ascii_lowercase();
            let is_month = |it: &&[u8]| it.first() == Some(&first) && text.says(cursor, it);
            has_month |= begins && MONTHS.iter().any(is_month);
            cursor += 1;
        }
        if has_month && has_year {
            return true;
        }
    }
    false
}

/// Three numbers that are a day, a month and a year, in one of the usual orders.
fn is_date(text: Text<'_>, from: usize) -> bool {
    let digits = |at: usize| text.run(at, 5, |byte| byte.is_ascii_digit());
    let skip = |at: usize| {
        let width = text.run(at, 2, |byte| b"-/. ".contains(&byte));
        (width > 0).then_some(at + width)
    };
    let a = digits(from);
    let Some(second) = skip(from + a) else { return false };
    let b = digits(second);
    let Some(third) = skip(second + b) else { return false };
    let c = digits(third);
    let (x, y, z) = (value(text, from, a), value(text, second, b), value(text, third, c));
    let is_pair = |p: u32, q: u32| p >= 1 && q >= 1 && p.min(q) <= 12 && p.max(q) <= 31;
    match (a, b, c) {
        (1 | 2, 1 | 2, 4) => is_pair(x, y) && is_year(z),
        (1 | 2, 1 | 2, 2) => is_pair(x, y),
        (4, 1 | 2, 1 | 2) => is_pair(y, z) && is_year(x),
        _ => false,
    }
}

fn is_year(year: u32) -> bool {
    (1900..2100).contains(&year)
}

fn value(text: Text<'_>, from: usize, length: usize) -> u32 {
    text.slice(from, from + length.min(4))
        .iter()
        .fold(0, |sum, byte| sum * 10 + u32::from(byte.wrapping_sub(b'0')))
}

#[cfg(test)]
mod tests {
    use super::{BEGINNINGS, WORDS};

    #[test]
    fn every_word_can_begin() {
        for word in WORDS {
            assert!(BEGINNINGS.has(word[0], word[1]), "{}", String::from_utf8_lossy(word));
        }
    }
}
