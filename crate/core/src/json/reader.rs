//! Parses JSON text.
//!
//! `serde_json`'s own parser supports every type and kind of input, which each page would download,
//! and rounds long fractions twice.

use serde_json::{Map, Number, Value};

use super::number;

/// The maximum nesting of arrays and objects: each level takes a stack frame.
pub(super) const DEEPEST: usize = 127;

/// The reason why a text isn't valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It ends inside a value.
    Cut,
    /// It nests too deeply.
    Deep,
    /// It is not JSON.
    Syntax,
}

/// Parses one value with only white space around it. Unpaired surrogates become U+FFFD. An error
/// includes the number of bytes before it.
pub(super) fn read(json: &str) -> Result<Value, (Fault, usize)> {
    let mut reader = Reader { json, at: 0 };
    let read = reader.value(0).and_then(|value| {
        reader.skip_spaces();
        if reader.at == json.len() { Ok(value) } else { Err(Fault::Syntax) }
    });
    read.map_err(|fault| (fault, reader.at))
}

struct Reader<'a> {
    json: &'a str,
    at: usize,
}

type Read<T> = Result<T, Fault>;

impl Reader<'_> {
    fn byte(&self) -> Option<u8> {
        self.json.as_bytes().get(self.at).copied()
    }

    /// Takes the next byte.
    fn next(&mut self) -> Read<u8> {
        let byte = self.byte().ok_or(Fault::Cut)?;
        self.at += 1;
        Ok(byte)
    }

    /// Takes a byte if it is the next one.
    fn takes(&mut self, byte: u8) -> bool {
        let is_next = self.byte() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// Skips white space and returns the next byte.
    fn skip_spaces(&mut self) -> Option<u8> {
        while matches!(self.byte(), Some(b' ' | b'\n' | b'\t' | b'\r')) {
            self.at += 1;
        }
        self.byte()
    }

    fn value(&mut self, depth: usize) -> Read<Value> {
        match self.skip_spaces().ok_or(Fault::Cut)? {
            b'{' => self.object(depth + 1),
            b'[' => self.array(depth + 1),
            b'"' => self.string().map(Value::String),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'n' => self.word("null", Value::Null),
            b'-' | b'0'..=b'9' => self.number(),
            _ => Err(Fault::Syntax),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Read<Value> {
        for expected in word.bytes() {
            if self.next()? != expected {
                return Err(Fault::Syntax);
            }
        }
        Ok(value)
    }

    fn array(&mut self, depth: usize) -> Read<Value> {
        self.enter(depth)?;
        let mut list = Vec::new();
        if self.skip_spaces() == Some(b']') {
            self.at += 1;
            return Ok(Value::Array(list));
        }
        loop {
            list.push(self.value(depth)?);
            if self.closes(b']')? {
                return Ok(Value::Array(list));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Read<Value> {
        self.enter(depth)?;
        let mut map = Map::new();
        if self.skip_spaces() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(map));
        }
        loop {
            if self.skip_spaces().ok_or(Fault::Cut)? != b'"' {
                return Err(Fault::Syntax);
            }
            let key = self.string()?;
            self.skip_spaces();
            if self.next()? != b':' {
                return Err(Fault::Syntax);
            }
            // The last of several values with one key counts, as in JavaScript.
            let value = self.value(depth)?;
            map.insert(key, value);
            if self.closes(b'}')? {
                return Ok(Value::Object(map));
            }
        }
    }

    fn enter(&mut self, depth: usize) -> Read<()> {
        if depth > DEEPEST {
            return Err(Fault::Deep);
        }
        self.at += 1;
        Ok(())
    }

    /// Takes the delimiter after an element; returns whether it is the end.
    fn closes(&mut self, end: u8) -> Read<bool> {
        self.skip_spaces();
        match self.next()? {
            b',' => Ok(false),
            byte if byte == end => Ok(true),
            _ => Err(Fault::Syntax),
        }
    }

    fn string(&mut self) -> Read<String> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let rest = self.json.get(self.at..).unwrap_or_default();
            let end = memchr::memchr2(b'"', b'\\', rest.as_bytes()).unwrap_or(rest.len());
            let plain = rest.get(..end).unwrap_or_default();
            if plain.bytes().any(|byte| byte < 0x20) {
                return Err(Fault::Syntax);
            }
            text.push_str(plain);
            self.at += end;
            if self.next()? == b'"' {
                return Ok(text);
            }
            text.push(self.escape()?);
        }
    }

    /// Parses an escape after its backslash.
    fn escape(&mut self) -> Read<char> {
        Ok(match self.next()? {
            byte @ (b'"' | b'\\' | b'/') => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = self.unit()?;
                let code = match unit {
                    0xD800..0xDC00 => self.low_half(unit).unwrap_or(unit),
                    unit => unit,
                };
                char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => return Err(Fault::Syntax),
        })
    }

    /// Returns the code point of a high surrogate and the low one that follows, which is taken only
    /// then.
    fn low_half(&mut self, high: u32) -> Option<u32> {
        let start = self.at;
        let low = match (self.takes(b'\\') && self.takes(b'u')).then(|| self.unit()) {
            Some(Ok(low @ 0xDC00..0xE000)) => Some(low),
            _ => None,
        };
        if low.is_none() {
            self.at = start;
        }
        Some(0x10000 + ((high - 0xD800) << 10) + (low? - 0xDC00))
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Read<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = char::from(self.next()?).to_digit(16).ok_or(Fault::Syntax)?;
            unit = unit * 16 + digit;
        }
        Ok(unit)
    }

    fn number(&mut self) -> Read<Value> {
        let start = self.at;
        let is_negative = self.takes(b'-');
        if !self.takes(b'0') {
            self.digits()?;
        } else if matches!(self.byte(), Some(b'0'..=b'9')) {
            return Err(Fault::Syntax);
        }
        let whole = self.at;
        if self.takes(b'.') {
            self.digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            let _ = self.takes(b'+') || self.takes(b'-');
            self.digits()?;
        }
        let text = self.json.get(start..self.at).unwrap_or_default();
        let integer = match (whole == self.at, is_negative) {
            (true, false) => text.parse::<u64>().ok().map(Number::from),
            // `-0` is not 0.
            (true, true) => text.parse::<i64>().ok().filter(|it| *it != 0).map(Number::from),
            (false, _) => None,
        };
        let number = integer.or_else(|| Number::from_f64(number::double(text)));
        number.map(Value::Number).ok_or(Fault::Syntax)
    }

    /// Takes at least one digit.
    fn digits(&mut self) -> Read<()> {
        if !self.byte().ok_or(Fault::Cut)?.is_ascii_digit() {
            return Err(Fault::Syntax);
        }
        while matches!(self.byte(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::{Fault, read};
    use crate::json::written;

    /// Compares with `serde_json`; unpaired surrogates are the only difference.
    fn is_alike(json: &str) -> bool {
        match (read(json), serde_json::from_str::<Value>(json)) {
            // In text form, -0 differs from 0.
            (Ok(ours), Ok(theirs)) => written(&ours) == written(&theirs),
            // `serde_json` reports a broken `\\u` as truncated if fewer than four bytes follow.
            (Err(_), Err(_)) if json.contains("\\u") => true,
            (Err((fault, _)), Err(theirs)) => (fault == Fault::Cut) == theirs.is_eof(),
            (Ok(_), Err(_)) => json.contains("\\u"),
            (Err(_), Ok(_)) => false,
        }
    }

    #[test]
    fn texts_parse_like_in_another_parser() {
        for json in [
            "0",
            "-0",
            "-0.0",
            "00",
            "-",
            "1.",
            ".5",
            "+1",
            "1e5",
            "1E+5",
            "1e",
            "1e+",
            "1e400",
            "-1e400",
            "1e-400",
            "0e99999999999999999999",
            "18446744073709551615",
            "18446744073709551616",
            "-9223372036854775808",
            "-9223372036854775809",
            "123456789012345678901234567890",
            "truthy",
            "tru",
            "nul",
            "",
            " ",
            "[",
            "[1",
            "[1,",
            "[1,]",
            "[,1]",
            "[1 2]",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\":1,\"b\":2,\"a\":3}",
            "[] []",
            "\u{feff}[]",
            "\"\t\"",
            "\"\\x\"",
            "\"a\\u00e9\\ud83d\\ude00\\n\"",
            "\"unended",
            "\"unended\\",
            "'a'",
            "[1]\u{b}",
            "\r\n\t [ 1 , { \"é\" : null } ] ",
            "// no\n1",
            "NaN",
            "Infinity",
        ] {
            assert!(is_alike(json), "{json:?}: {:?}", read(json));
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 60, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((".{0,3}", inner), 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn serialised_values_round_trip(value in values()) {
            prop_assert_eq!(read(&value.to_string()), Ok(value.clone()));
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(read(&pretty), Ok(value));
        }

        #[test]
        fn every_cut_is_reported_as_truncated(value in values(), part in 0_usize..1_000) {
            let json = Value::Array(vec![value]).to_string();
            let cut = json.floor_char_boundary(json.len() * part / 1_000);
            prop_assert_eq!(read(&json[..cut]).map_err(|it| it.0), Err(Fault::Cut));
        }

        #[test]
        fn invalid_texts_are_rejected_alike(pieces in prop::collection::vec(
            prop::sample::select(&[
                "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "d83d", "de00", "1", "0", "-", ".", "e", "+", "a",
                "true", "null", " ", "\n", "\"a\"", "\"a\":", "1.5", "\u{1}", "é",
            ][..]), 0..12,
        )) {
            let json = pieces.concat();
            prop_assert!(is_alike(&json), "{:?}: {:?}", json, read(&json));
        }
    }
}
