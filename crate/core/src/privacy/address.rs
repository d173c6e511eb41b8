//! IP addresses, version 4 and 6. Local and unspecified addresses identify no machine.

use super::number::{Between, Group, TIGHT};
use super::text::{Text, is_letter};

/// Detects four numbers up to 255 with dots between them, excluding versions and whole networks.
pub(super) fn is_four(text: Text<'_>, groups: &[Group]) -> bool {
    let [a, b, c, d] = groups else { return false };
    if ![a, b, c].iter().all(|it| it.after == Between::Dot && it.loose == TIGHT) {
        return false;
    }
    let mut bytes = [0_u32; 4];
    for (slot, group) in bytes.iter_mut().zip([a, b, c, d]) {
        // A leading zero occurs in versions, but not in addresses.
        if group.len() > 3 || (group.len() > 1 && text.at(group.from) == b'0') {
            return false;
        }
        *slot = text.value(group.from, group.to);
    }
    // In `<b>1.2.3.4</b>` and `~~1.2.3.4~~` these marks are no comparison.
    let is_marked = match text.before(a.from) {
        b'>' => {
            let name = text.run_back(a.from - 1, 64, |byte| !matches!(byte, b'<' | b'>' | b'\n'));
            name > 0 && text.before(a.from - 1 - name) == b'<'
        }
        b'~' => text.before(a.from - 1) == b'~',
        _ => false,
    };
    // `Chrome/120.0.0.7`, `tool-1.2.3.4`, `^1.2.3.4`, `>=1.2.3.4`, `1.2.3.4-beta`, `1.2.3.4.tgz`
    let before = (text.before(a.from.saturating_sub(1)), text.before(a.from));
    let is_version = match before {
        (letter, b'/' | b'-' | b'_' | b'@') => is_letter(letter),
        (b'=' | b'<' | b'>' | b'~' | b'!', b'=') | (_, b'^' | b'~' | b'<' | b'>') => !is_marked,
        _ => false,
    };
    let is_longer =
        matches!(text.at(d.to), b'-' | b'.' | b'_' | b'+') && is_letter(text.at(d.to + 1));
    !is_version
        && !is_longer
        && bytes.iter().all(|&it| it <= 255)
        && !matches!(bytes, [127 | 0, ..] | [255, 255, ..] | [.., 0])
}

/// Words before an address.
const HOSTS: [&[u8]; 12] = [
    b"ip", b"ips", b"address", b"addr", b"host", b"server", b"dns", b"ping", b"gateway", b"client",
    b"peer", b"proxy",
];

/// Whether four numbers are more likely a section, release or object number: all of them are small,
/// and the word before them, `word`, doesn't announce an address.
pub(super) fn is_numbering(text: Text<'_>, groups: &[Group], word: &[u8]) -> bool {
    let values = || groups.iter().map(|it| text.value(it.from, it.to));
    let Some((first, last)) = groups.first().zip(groups.last()) else { return false };
    let head = text.value(first.from, first.to);
    // Private networks, and well-known or invented addresses: `8.8.8.8`, `1.2.3.4`.
    let is_known = head == 10
        || values().all(|it| it == head)
        || values().zip(head..).all(|(value, expected)| value == expected);
    let is_addressed = matches!(text.before(first.from), b'@')
        || text.slice(first.from.saturating_sub(3), first.from) == b"://"
        || (matches!(text.at(last.to), b':' | b'/') && text.at(last.to + 1).is_ascii_digit())
        || HOSTS.iter().any(|it| word.eq_ignore_ascii_case(it));
    values().all(|it| it < 40) && !is_known && !is_addressed
}

/// Detects eight groups of hexadecimal digits, or fewer with one `::`.
pub(super) fn six_end(text: Text<'_>, at: usize) -> Option<usize> {
    // A cheap check that rejects most candidates: a first group has at most four digits, and a
    // colon follows.
    let first = text.run(at, 5, |byte| byte.is_ascii_hexdigit());
    if first > 4 || text.at(at + first) != b':' || matches!(text.before(at), b':' | b'.') {
        return None;
    }
    let (mut groups, mut gaps, mut has_digit) = (0, 0, false);
    let mut cursor = at;
    if first == 0 {
        if text.at(cursor + 1) != b':' {
            return None;
        }
        cursor += 2;
        gaps = 1;
    }
    loop {
        let length = text.run(cursor, 5, |byte| byte.is_ascii_hexdigit());
        if length > 4 {
            return None;
        }
        if length > 0 {
            groups += 1;
            has_digit |= text.slice(cursor, cursor + length).iter().any(u8::is_ascii_digit);
            cursor += length;
        }
        match (length, text.at(cursor), text.at(cursor + 1)) {
            (1.., b':', b':') => {
                gaps += 1;
                cursor += 2;
            }
            (1.., b':', next) if next.is_ascii_hexdigit() => cursor += 1,
            _ => break,
        }
        if groups > 8 {
            return None;
        }
    }
    let is_joined = text.at(cursor) == b'_' && text.at(cursor + 1).is_ascii_alphanumeric();
    let ends = !text.at(cursor).is_ascii_alphanumeric() && !is_joined;
    // At least three groups and a digit, or every `a::b` in a program would match.
    let is_whole = (gaps == 0 && groups == 8) || (gaps == 1 && (3..8).contains(&groups));
    (ends && is_whole && has_digit).then_some(cursor)
}
