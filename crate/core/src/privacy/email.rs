//! E-mail addresses.

use super::scan::Text;

/// The longest name and host that the mail's own rules allow.
const NAME: usize = 64;
const HOST: usize = 253;

/// Whether the `@` at this place stands in an address: something before it, and a host with a dot behind it.
pub(super) fn is_around(text: Text<'_>, at: usize) -> bool {
    let is_of_name = |byte: u8| {
        byte.is_ascii_alphanumeric() || byte >= 0x80 || b".!#$%&'*+/=?^_`{|}~-".contains(&byte)
    };
    let name = (1..=NAME).take_while(|&back| back <= at && is_of_name(text.at(at - back))).count();
    let has_letter = (1..=name).any(|back| {
        let byte = text.at(at - back);
        byte.is_ascii_alphanumeric() || byte >= 0x80
    });
    has_letter && is_host(text, at + 1)
}

fn is_host(text: Text<'_>, from: usize) -> bool {
    let is_of_label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte >= 0x80;
    let mut at = from;
    let mut labels = 0;
    while at - from < HOST {
        let length = text.run(at, 64, is_of_label);
        if length == 0 {
            return false;
        }
        labels += 1;
        // The last label is letters, or an address would be found in every `x@2.5`.
        let is_last = text.run(at, 64, |byte| byte.is_ascii_alphabetic() || byte >= 0x80) >= 2;
        at += length;
        if labels >= 2 && is_last {
            return true;
        }
        if text.at(at) != b'.' {
            return false;
        }
        at += 1;
    }
    false
}
