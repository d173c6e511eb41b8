//! Percent-encoding in URLs and JSON pointers.

/// Decodes percent-encoded text: `%40` becomes `@`. A `%` without two hexadecimal digits is kept.
pub(crate) fn percent_decoded(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        if let (b'%', [high, low, after @ ..]) = (byte, tail) {
            let digit = |it: &u8| char::from(*it).to_digit(16);
            if let (Some(high), Some(low)) = (digit(high), digit(low)) {
                decoded.extend(u8::try_from(high * 16 + low));
                rest = after;
                continue;
            }
        }
        decoded.push(*byte);
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::percent_decoded;

    #[test]
    fn escapes_decode_and_lone_percent_signs_stay() {
        for (text, expected) in [
            ("", ""),
            ("a%40b", "a@b"),
            ("%C3%a9", "é"),
            ("100%", "100%"),
            ("%4", "%4"),
            ("%zz", "%zz"),
        ] {
            assert_eq!(percent_decoded(text), expected.as_bytes(), "{text}");
        }
    }
}
