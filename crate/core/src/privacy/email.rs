//! E-mail addresses.

use super::text::Text;

/// The maximum length of name and host in the mail standard.
const NAME: usize = 64;
const HOST: usize = 253;

/// Names before an `@` that aren't mailboxes: of clones over SSH, and of labels in programs.
const NAMES: [&[u8]; 5] = [b"git", b"hg", b"svn", b"this", b"return"];

/// File extensions that aren't top-level domains.
const FILES: [&[u8]; 13] = [
    b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp", b"css", b"js", b"ts", b"json", b"html",
    b"tgz", b"wasm",
];

/// Returns the address around the `@` at this position: a name before it, and a host with a dot
/// after it.
pub(super) fn around(text: Text<'_>, at: usize) -> Option<(usize, usize)> {
    let to = host_end(text, at + 1)?;
    let is_of_name = |byte: u8| is_of_label(byte) || b".!#$%&'*+/=?^_`{|}~".contains(&byte);
    let length = text.run_back(at, NAME, is_of_name);
    // Quotes and markup around an address are not part of it.
    let is_plain = |byte: u8| is_of_label(byte) || b".'+_".contains(&byte);
    let plain = text.run_back(at, length, is_plain);
    let name = text.slice(at - plain, at);
    let trimmed = name.iter().take_while(|byte| b".'_-+".contains(byte)).count();
    let from = if trimmed < plain { at - plain + trimmed } else { at - length };
    let has_letter =
        text.slice(from, at).iter().any(|&byte| byte.is_ascii_alphanumeric() || byte >= 0x80);
    let name = text.slice(from, at);
    if !has_letter || NAMES.iter().any(|it| name.eq_ignore_ascii_case(it)) {
        return None;
    }
    Some((from, to))
}

fn is_of_label(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte >= 0x80
}

fn host_end(text: Text<'_>, from: usize) -> Option<usize> {
    // High-resolution images have names like `icon@2x.png`.
    if text.at(from).is_ascii_digit() && text.at(from + 1) == b'x' && text.at(from + 2) == b'.' {
        return None;
    }
    let (mut at, mut labels, mut end) = (from, 0, None);
    while at - from < HOST {
        let length = text.run(at, 64, is_of_label);
        if length == 0 {
            break;
        }
        labels += 1;
        // The last label consists of letters, or every `x@2.5` would match.
        let letters = text.run(at, 64, |byte| byte.is_ascii_alphabetic() || byte >= 0x80);
        at += length;
        if labels >= 2 && letters >= 2 {
            let label = text.slice(at - length, at);
            end = (!FILES.iter().any(|it| label.eq_ignore_ascii_case(it))).then_some(at);
        }
        if text.at(at) != b'.' {
            break;
        }
        at += 1;
    }
    end
}
