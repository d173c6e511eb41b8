//! IP addresses, of both lengths. Those that mean "here" or "everywhere" name nobody.

use super::number::{Between, Group};
use super::scan::Text;

/// Four numbers up to 255 with dots between them, and nothing more.
pub(super) fn is_four(text: Text<'_>, groups: &[Group]) -> bool {
    let Some([a, b, c, d]) = groups.get(..4) else { return false };
    let are_dotted = [a, b, c].iter().all(|it| it.after == Between::Dot);
    if !are_dotted || !matches!(d.after, Between::Nothing | Between::Space | Between::Slash) {
        return false;
    }
    let mut bytes = [0_u32; 4];
    for (slot, group) in bytes.iter_mut().zip([a, b, c, d]) {
        let digits = text.slice(group.from, group.from + group.length);
        // A leading zero is a version number's, not an address's.
        if group.length > 3 || (group.length > 1 && digits.first() == Some(&b'0')) {
            return false;
        }
        *slot = digits.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    }
    bytes.iter().all(|&it| it <= 255) && !matches!(bytes, [127 | 0, ..] | [255, 255, ..])
}

/// Eight groups of hexadecimal digits, or fewer with one `::`.
pub(super) fn is_six(text: Text<'_>, at: usize) -> bool {
    // Cheap and mostly the end of it: a first group is at most four digits, and a colon follows.
    let first = text.run(at, 5, |byte| byte.is_ascii_hexdigit());
    if first > 4 || text.at(at + first) != b':' || matches!(text.before(at), b':' | b'.' | b'_') {
        return false;
    }
    let (mut groups, mut gaps, mut has_digit) = (0, 0, false);
    let mut cursor = at;
    if first == 0 {
        if text.at(cursor + 1) != b':' {
            return false;
        }
        cursor += 2;
        gaps = 1;
    }
    loop {
        let length = text.run(cursor, 5, |byte| byte.is_ascii_hexdigit());
        if length > 4 {
            return false;
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
            return false;
        }
    }
    let ends = !text.at(cursor).is_ascii_alphanumeric() && text.at(cursor) != b'_';
    // Three groups and a digit, or every `a::b` of a program would be one.
    let is_whole = (gaps == 0 && groups == 8) || (gaps == 1 && (3..8).contains(&groups));
    ends && is_whole && has_digit
}
