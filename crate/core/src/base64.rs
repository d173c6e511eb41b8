//! Base64 written by hand: the `base64` crate adds six kilobytes to every page's download.

const SYMBOLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Encodes bytes as padded base64.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits =
            (0..3).fold(0, |bits, at| (bits << 8) | group.get(at).map_or(0, |it| usize::from(*it)));
        for place in 0..4 {
            let symbol =
                SYMBOLS.get((bits >> (18 - 6 * place)) & 63).filter(|_| place <= group.len());
            text.push(symbol.map_or('=', |it| char::from(*it)));
        }
    }
    text
}

/// Decodes base64 leniently: both alphabets are accepted, padding is optional, and characters
/// outside of the alphabet are skipped.
pub(crate) fn decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0_u32, 0);
    for symbol in text.bytes() {
        let value = match symbol {
            b'A'..=b'Z' => symbol - b'A',
            b'a'..=b'z' => symbol - b'a' + 26,
            b'0'..=b'9' => symbol - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => continue,
        };
        bits = (bits << 6) | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            let [.., byte] = (bits >> held).to_be_bytes();
            bytes.push(byte);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use proptest::collection::vec;
    use proptest::prelude::any;
    use proptest::{prop_assert_eq, proptest};

    use super::{decode, encode};

    proptest! {
        #[test]
        fn agrees_with_the_base64_crate(bytes in vec(any::<u8>(), 0..80)) {
            prop_assert_eq!(encode(&bytes), STANDARD.encode(&bytes));
            prop_assert_eq!(&decode(&STANDARD.encode(&bytes)), &bytes);
            prop_assert_eq!(&decode(&URL_SAFE_NO_PAD.encode(&bytes)), &bytes);
        }
    }

    #[test]
    fn characters_outside_the_alphabet_are_skipped() {
        for (text, expected) in
            [("", ""), ("aGk=", "hi"), ("aGk", "hi"), ("aG\r\n k", "hi"), ("%", "")]
        {
            assert_eq!(decode(text), expected.as_bytes());
        }
    }
}
