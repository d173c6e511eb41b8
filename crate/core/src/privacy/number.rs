//! Whatever is written in digits: telephone numbers, payment cards, social security numbers, IPv4 addresses.
//!
//! A number is read as groups of digits with what stands between them. A group belongs to a number that ends or begins elsewhere
//! if it is tied to it: by anything but a space.

use super::address;
use super::kind::{Kinds, SensitiveKind};
use super::scan::Text;

/// More groups than any number has; a longer row is read in pieces.
const MOST: usize = 16;

/// What stands between two groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Between {
    Nothing,
    Space,
    Dash,
    Dot,
    Slash,
    Bracket,
}

/// A group of digits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub(super) from: usize,
    pub(super) length: usize,
    pub(super) after: Between,
}

/// Reads the row of digit groups that begins here and returns where it ends. `begins` is false where a letter stands before it.
pub(super) fn read(text: Text<'_>, from: usize, begins: bool, found: &mut Kinds) -> usize {
    let mut row = [Group { from, length: 0, after: Between::Nothing }; MOST];
    let mut count = 0;
    let mut at = from;
    for group in &mut row {
        let length = text.run(at, usize::MAX, |byte| byte.is_ascii_digit());
        let (after, width) = between(text, at + length);
        *group = Group { from: at, length, after };
        count += 1;
        at += length + width;
        if after == Between::Nothing {
            break;
        }
    }
    let row = row.get(..count).unwrap_or_default();
    // A letter right behind the digits makes them part of a name or a code.
    let is_code = text.at(at).is_ascii_alphabetic() || text.at(at) == b'_';
    for start in 0..row.len() {
        let Some((rest, first)) = row.get(start..).and_then(|it| Some((it, it.first()?))) else {
            continue;
        };
        let before = start.checked_sub(1).and_then(|it| row.get(it)).map(|it| it.after);
        let is_free = match before {
            None => begins,
            Some(before) => matches!(before, Between::Space | Between::Slash),
        };
        if !is_free || (is_code && rest.len() == 1) {
            continue;
        }
        if !found.has(SensitiveKind::CreditCard) && is_card(text, rest) {
            found.add(SensitiveKind::CreditCard);
        }
        if !found.has(SensitiveKind::Ssn) && is_social(text, rest) {
            found.add(SensitiveKind::Ssn);
        }
        if !found.has(SensitiveKind::IpAddress) && address::is_four(text, rest) {
            found.add(SensitiveKind::IpAddress);
        }
        if !found.has(SensitiveKind::Phone) && is_phone(text, first.from, rest) {
            found.add(SensitiveKind::Phone);
        }
    }
    at
}

/// What stands between two groups of digits, and how wide it is; nothing where no digits follow.
fn between(text: Text<'_>, at: usize) -> (Between, usize) {
    let (what, width) = match (text.at(at), text.at(at + 1), text.at(at + 2)) {
        (b')', b' ' | b'-', _) => (Between::Bracket, 2),
        (b' ', b'(', _) => (Between::Bracket, 2),
        (b')' | b'(', ..) => (Between::Bracket, 1),
        (b' ', ..) => (Between::Space, 1),
        // No-break space, narrow no-break space.
        (0xC2, 0xA0, _) => (Between::Space, 2),
        (0xE2, 0x80, 0xAF) => (Between::Space, 3),
        (b'-', ..) => (Between::Dash, 1),
        // Hyphens and dashes as word processors write them.
        (0xE2, 0x80, 0x90..=0x95) => (Between::Dash, 3),
        (b'.', ..) => (Between::Dot, 1),
        (b'/', ..) => (Between::Slash, 1),
        _ => return (Between::Nothing, 0),
    };
    if text.at(at + width).is_ascii_digit() { (what, width) } else { (Between::Nothing, 0) }
}

/// The digits of all these groups, 0 to 9 each.
fn digits(text: Text<'_>, groups: &[Group]) -> impl Iterator<Item = u32> + Clone {
    groups
        .iter()
        .flat_map(move |group| text.slice(group.from, group.from + group.length))
        .map(|byte| u32::from(byte - b'0'))
}

/// Whether what follows is not tied to these groups.
fn ends(group: Option<&Group>) -> bool {
    group.is_some_and(|it| matches!(it.after, Between::Nothing | Between::Space | Between::Slash))
}

/// Whether the first groups have these lengths, with one kind of separator between them, and end there.
fn is_shaped(groups: &[Group], lengths: &[usize], between: &[Between]) -> bool {
    let Some(groups) = groups.get(..lengths.len()) else { return false };
    let Some((last, inner)) = groups.split_last() else { return false };
    let lengths_fit = groups.iter().zip(lengths).all(|(group, &length)| group.length == length);
    let is_one = inner.windows(2).all(|it| matches!(it, [a, b] if a.after == b.after));
    let is_known = inner.iter().all(|it| between.contains(&it.after));
    lengths_fit && is_one && is_known && ends(Some(last))
}

/// A payment card: as cards print it or in one piece, of a network there is, with the right check digit.
fn is_card(text: Text<'_>, groups: &[Group]) -> bool {
    const PRINTED: [&[usize]; 6] =
        [&[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4], &[4, 4, 4, 4, 3], &[4, 4, 4, 1], &[4, 4, 5]];
    let separators = [Between::Space, Between::Dash, Between::Dot];
    let printed = PRINTED.iter().find(|lengths| is_shaped(groups, lengths, &separators));
    let count = match (printed, groups.first()) {
        (Some(lengths), _) => lengths.len(),
        (None, Some(first)) if (13..=19).contains(&first.length) && ends(Some(first)) => 1,
        _ => return false,
    };
    let digits = digits(text, groups.get(..count).unwrap_or_default());
    // Networks number from 2 (Mastercard) to 6 (Discover, UnionPay); 1 would be a clock's milliseconds, mostly.
    let is_issued = digits.clone().next().is_some_and(|first| (2..=6).contains(&first));
    is_issued && luhn(digits)
}

/// The check digit of payment cards: every second digit from the right doubled, its own digits summed, all of it divisible by ten.
fn luhn(digits: impl Iterator<Item = u32> + Clone) -> bool {
    let count = digits.clone().count();
    let sum: u32 = digits
        .enumerate()
        .map(|(at, digit)| {
            let doubled = digit * 2;
            match (count - at) % 2 {
                0 if doubled > 9 => doubled - 9,
                0 => doubled,
                _ => digit,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// A US social security number: 3-2-4, outside the ranges that are never given out. In one piece only where it is called one.
fn is_social(text: Text<'_>, groups: &[Group]) -> bool {
    let is_written = is_shaped(groups, &[3, 2, 4], &[Between::Dash, Between::Space]);
    let first = groups.first();
    let is_named = || {
        first.is_some_and(|it| it.length == 9 && ends(first))
            && is_called(text, groups, &[b"ssn", b"social security"])
    };
    if !is_written && !is_named() {
        return false;
    }
    let value = |from: usize, length: usize| {
        digits(text, groups).skip(from).take(length).fold(0, |sum, digit| sum * 10 + digit)
    };
    let area = value(0, 3);
    area != 0 && area != 666 && area < 900 && value(3, 2) != 0 && value(5, 4) != 0
}

/// Whether one of these words stands shortly before the number.
fn is_called(text: Text<'_>, groups: &[Group], words: &[&[u8]]) -> bool {
    const NEAR: usize = 24;
    let Some(end) = groups.first().map(|it| it.from) else { return false };
    (end.saturating_sub(NEAR)..end).any(|at| words.iter().any(|word| text.says(at, word)))
}

/// A telephone number: international, as North America writes them, with a leading zero, or called one.
fn is_phone(text: Text<'_>, from: usize, groups: &[Group]) -> bool {
    use Between::{Bracket, Dash, Dot, Space};
    let total: usize = {
        // What one could dial: groups up to fifteen digits.
        let mut total = 0;
        for group in groups {
            if total + group.length > 15 {
                break;
            }
            total += group.length;
        }
        total
    };
    if total < 7 {
        return false;
    }
    let before = text.before(from);
    let is_international = (before == b'+' && text.at(from) != b'0')
        || (text.says(from, b"00") && groups.first().is_some_and(|it| it.length > 3));
    if is_international && total >= 8 {
        return true;
    }
    let american: [&[usize]; 2] = [&[3, 3, 4], &[1, 3, 3, 4]];
    let is_american = american.iter().any(|lengths| {
        let shape = groups.get(..lengths.len());
        let fits = shape.is_some_and(|it| it.iter().zip(*lengths).all(|(a, &b)| a.length == b));
        let inner = shape.and_then(|it| it.split_last()).map_or(&[][..], |it| it.1);
        let is_tied = inner.iter().all(|it| matches!(it.after, Bracket | Dash | Dot | Space));
        let is_country = lengths.len() == 3 || text.at(from) == b'1';
        fits && is_tied && is_country && ends(groups.get(lengths.len() - 1))
    });
    is_american || is_national(text, from, groups) || {
        let words: [&[u8]; 9] =
            [b"phone", b"tel", b"mobil", b"cell", b"call", b"fax", b"whatsapp", b"handy", b"sms"];
        is_called(text, groups, &words) && !is_date(groups)
    }
}

/// With a leading zero, as most of the world writes them at home: `0171 1234567`, `01 23 45 67 89`, `(020) 7946 0958`.
fn is_national(text: Text<'_>, from: usize, groups: &[Group]) -> bool {
    if text.at(from) != b'0' || text.at(from + 1) == b'0' {
        return false;
    }
    let mut total = 0;
    for (index, group) in groups.iter().enumerate() {
        total += group.length;
        match group.after {
            Between::Dot => return false, // A decimal fraction, far more often.
            Between::Space | Between::Dash | Between::Slash | Between::Bracket => {}
            Between::Nothing => {
                let leads = groups.first().is_some_and(|it| it.length <= 5);
                return (9..=12).contains(&total) && (leads || (index == 0 && total >= 10));
            }
        }
        if total > 12 {
            return false;
        }
    }
    false
}

/// Years, months and days are no telephone number, even after a word like one.
fn is_date(groups: &[Group]) -> bool {
    let lengths: Vec<usize> = groups.iter().take(3).map(|it| it.length).collect();
    matches!(lengths.as_slice(), [4, 1..=2, 1..=2] | [1..=2, 1..=2, 4])
}
