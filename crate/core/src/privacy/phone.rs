//! Telephone numbers in common notations.
//!
//! With `+` or `00`, numbers of every country. Without it: in the national forms of North America,
//! Germany, Austria, Switzerland, France, Italy, Spain, Portugal, Poland, Czechia, the United
//! Kingdom, Ireland, the Netherlands, Belgium, Sweden, Finland, Turkey, Russia, India, China,
//! Japan, Korea, Australia, New Zealand, Brazil, Mexico, Argentina, South Africa, and of others
//! with a leading zero. Numbers of seven or eight digits are found only next to a word that
//! announces them.

use super::number::{Between, Group, TIGHT, digits, value};
use super::text::Text;

/// Whether the groups are a number in some country's notation: lengths as hexadecimal digits,
/// `0x334` for `555-123-4567`. `has_bracket` means that the first group is in brackets.
pub(super) fn is_shaped(text: Text<'_>, groups: &[Group], lengths: u32, total: usize) -> bool {
    let Some(first) = groups.first() else { return false };
    let (lead, second) = (text.at(first.from), text.at(first.from + 1));
    let inner = groups.split_last().map_or(&[][..], |it| it.1);
    let has = |what: Between| inner.iter().any(|it| it.after == what);
    // `(11) 91234-5678`, `(020) 7946 0958`
    let is_bracketed = text.before(first.from) == b'('
        && (2..=5).contains(&first.len())
        && first.after == Between::Bracket;
    if is_bracketed && (9..=12).contains(&total) {
        return true;
    }
    // `-190 5180 5180` begins with a negative number.
    let before = (text.before(first.from.saturating_sub(1)), text.before(first.from));
    if before.1 == b'-' && !before.0.is_ascii_alphanumeric() && before.0 != b':' {
        return false;
    }
    if inner.iter().filter(|it| it.after == Between::Slash).count() > 1 {
        return false;
    }
    // `07000 - 07899` is a range, `512 - 263 - 237` a subtraction.
    let is_apart = |it: &Group| it.after == Between::Dash && it.loose > TIGHT;
    if !inner.is_empty()
        && inner.iter().all(is_apart)
        && groups.iter().all(|it| it.len() == first.len())
    {
        return false;
    }
    if lead == b'0' {
        return is_national(text, groups, total);
    }
    // An area code behind a trunk prefix: `8 (912) 345-67-89`, `1 (555) 123-4567`.
    let is_dotted = has(Between::Dot);
    if has(Between::Slash) || (is_dotted && (has(Between::Space) || has(Between::Dash))) {
        return false;
    }
    match lengths {
        0x334 => lead >= b'2',
        0x1334 => lead == b'1' || lead == b'8' || lead == b'7',
        0x1_3322 => lead == b'7' || lead == b'8',
        _ if is_dotted => false,
        0x55 => lead >= b'6',                                 // India
        0x344 => lead == b'1' && second >= b'3',              // China
        0x244 => has(Between::Bracket) || has(Between::Dash), // Argentina, Brazil, Mexico
        0x254 => text.at(first.to + 1) == b'9' || has(Between::Bracket), // Brazil
        0x3322 => lead == b'9' || lead == b'5',               // Russia, Turkey
        // Spain, Portugal, Poland, Czechia. A round number is a count.
        0x333 => lead >= b'5' && value(digits(text, groups), 6, 3) != 0,
        0x2322 | 0x3222 => lead >= b'6',
        0x37 => lead == b'3', // Italy
        _ => false,
    }
}

/// Numbers with a leading zero, the national notation of most countries.
fn is_national(text: Text<'_>, groups: &[Group], total: usize) -> bool {
    let Some((first, inner)) = groups.split_first() else { return false };
    let is_fraction = first.after == Between::Dot && groups.len() < 4;
    let is_zip = groups.len() == 2 && first.len() == 5 && total == 9;
    if text.at(first.from + 1) == b'0' || !(9..=12).contains(&total) || is_fraction || is_zip {
        return false;
    }
    match inner {
        [] => total >= 10 && !is_counting(text, first),
        _ => {
            let value = |it: &Group| text.value(it.from, it.to);
            let counts =
                groups.windows(2).all(|it| matches!(it, [a, b] if value(a) + 1 == value(b)));
            // Code points, and zero-padded addresses.
            let is_filled = inner.len() > 1 && groups.iter().all(|it| text.at(it.from) == b'0');
            (2..=6).contains(&first.len())
                && inner.iter().all(|it| it.len() >= 2)
                && !counts
                && !is_filled
        }
    }
}

/// `0123456789` is a list of all digits, not a number.
fn is_counting(text: Text<'_>, group: &Group) -> bool {
    let digits = text.slice(group.from, group.to);
    digits.windows(2).all(|it| matches!(it, [a, b] if (a + 1 - b'0') % 10 == b - b'0'))
}

/// Whether the number consists of zeros and ones only, so that it cannot be a phone number.
pub(super) fn is_binary(text: Text<'_>, groups: &[Group]) -> bool {
    digits(text, groups).all(|digit| digit < 2)
}

/// Whether one group of digits is a number in a numbering plan that is written without separators.
pub(super) fn is_bare(text: Text<'_>, group: &Group) -> bool {
    let (lead, second) = (text.at(group.from), text.at(group.from + 1));
    let is_dialled = match group.len() {
        10 => matches!(lead, b'2'..=b'9'),
        11 => matches!((lead, second), (b'1', b'3'..=b'9') | (b'7' | b'8', b'9')),
        _ => false,
    };
    // Limits of integer types, and common dummy values.
    const LIMITS: [&[u8]; 4] = [b"21474836", b"42949672", b"99999999", b"27182818"];
    let digits = text.slice(group.from, group.to);
    is_dialled
        && !is_counting(text, group)
        && !digits.ends_with(b"00000")
        && !LIMITS.iter().any(|it| digits.starts_with(it))
}
