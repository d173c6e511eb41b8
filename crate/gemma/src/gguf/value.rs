//! Metadata values. Their widths are discarded when read, because converters write the same key as
//! u32, i32 or u64.

use super::cursor::{Cursor, Stop};
use super::fault;

/// The maximum nesting of arrays. No known key nests at all.
const DEEPEST: u32 = 4;

/// A metadata value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// An integer of any width.
    Integer(i128),
    /// A float of either width.
    Float(f64),
    /// A boolean.
    Bool(bool),
    /// Text; invalid UTF-8 in it is replaced.
    Text(String),
    /// An array of values of one type.
    List(List),
}

/// An array of values of one type.
#[derive(Clone, Debug, PartialEq)]
pub enum List {
    /// Integers of up to 64 bits; larger unsigned ones wrap, and no key needs them.
    Integers(Vec<i64>),
    /// Scores and scales.
    Floats(Vec<f64>),
    /// Flags, one for each layer as a rule.
    Bools(Vec<bool>),
    /// The vocabulary.
    Texts(Strings),
    /// Nested arrays, kept because skipping them takes the same code.
    Lists(Vec<List>),
}

/// Many strings in one allocation: a vocabulary has a quarter of a million.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Strings {
    joined: String,
    ends: Vec<u32>,
}

impl Strings {
    /// Returns the number of strings.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether the list is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns the string at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)? as usize;
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)? as usize,
            None => 0,
        };
        self.joined.get(start..end)
    }

    /// Returns all strings, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// Adds a string; returns false if four gigabytes are exceeded.
    #[must_use]
    pub fn push(&mut self, text: &str) -> bool {
        self.joined.push_str(text);
        u32::try_from(self.joined.len()).map(|end| self.ends.push(end)).is_ok()
    }
}

impl Value {
    /// Returns the value as a size or an index.
    #[must_use]
    pub fn as_usize(&self) -> Option<usize> {
        match self {
            Self::Integer(value) => usize::try_from(*value).ok(),
            _ => None,
        }
    }

    /// Returns the value as a float; integers are converted.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            #[expect(clippy::cast_precision_loss, reason = "rope bases and factors are small")]
            Self::Integer(value) => Some(*value as f64),
            _ => None,
        }
    }

    /// Returns the value as a boolean; integers are converted as in C.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            Self::Integer(value) => Some(*value != 0),
            _ => None,
        }
    }

    /// Returns the value as text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(value) => Some(value),
            _ => None,
        }
    }

    /// Returns the value as an array.
    #[must_use]
    pub fn as_list(&self) -> Option<&List> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }

    /// Reads a value with its leading type.
    pub(super) fn read(cursor: &mut Cursor<'_>, key: &str) -> Result<Self, Stop> {
        let kind = cursor.u32(key)?;
        Ok(match kind {
            6 => Self::Float(f64::from(f32::from_bits(cursor.u32(key)?))),
            7 => Self::Bool(cursor.u8(key)? != 0),
            8 => Self::Text(String::from_utf8_lossy(cursor.bytes(key)?).into_owned()),
            9 => Self::List(List::read(cursor, key, 0)?),
            10 => Self::Integer(cursor.u64(key)?.into()),
            12 => Self::Float(f64::from_bits(cursor.u64(key)?)),
            _ => {
                let (width, signed) = integer(kind).ok_or_else(|| unknown(kind, key))?;
                Self::Integer(widen(cursor.take(width, key)?, signed).into())
            }
        })
    }
}

impl List {
    /// Returns the number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Integers(items) => items.len(),
            Self::Floats(items) => items.len(),
            Self::Bools(items) => items.len(),
            Self::Texts(items) => items.len(),
            Self::Lists(items) => items.len(),
        }
    }

    /// Whether the array is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn read(cursor: &mut Cursor<'_>, key: &str, depth: u32) -> Result<Self, Stop> {
        let kind = cursor.u32(key)?;
        let count = cursor.u64(key)?;
        Ok(match kind {
            6 => Self::Floats(numbers(cursor, key, count, |bits: [u8; 4]| {
                f64::from(f32::from_le_bytes(bits))
            })?),
            7 => Self::Bools(numbers(cursor, key, count, |[byte]: [u8; 1]| byte != 0)?),
            8 => {
                // A string takes at least the bytes of its length.
                cursor.expect(count, 8, key)?;
                let mut strings = Strings::default();
                for _ in 0..count {
                    if !strings.push(&String::from_utf8_lossy(cursor.bytes(key)?)) {
                        return Err(fault::invalid(format!("{key} contains too much text")).into());
                    }
                }
                Self::Texts(strings)
            }
            9 if depth < DEEPEST => {
                // An array takes at least the bytes of its type and count.
                cursor.expect(count, 12, key)?;
                let mut lists = Vec::new();
                for _ in 0..count {
                    lists.push(Self::read(cursor, key, depth + 1)?);
                }
                Self::Lists(lists)
            }
            12 => Self::Floats(numbers(cursor, key, count, f64::from_le_bytes)?),
            _ => {
                let (width, signed) = integer(kind).ok_or_else(|| unknown(kind, key))?;
                cursor.expect(count, width, key)?;
                let bytes = cursor.take(count * width, key)?;
                let width = usize::try_from(width).unwrap_or(1);
                Self::Integers(bytes.chunks_exact(width).map(|it| widen(it, signed)).collect())
            }
        })
    }
}

fn numbers<const N: usize, T>(
    cursor: &mut Cursor<'_>,
    key: &str,
    count: u64,
    convert: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>, Stop> {
    cursor.expect(count, N as u64, key)?;
    let (items, _) = cursor.take(count * N as u64, key)?.as_chunks::<N>();
    Ok(items.iter().copied().map(convert).collect())
}

/// Returns width and signedness of an integer type.
fn integer(kind: u32) -> Option<(u64, bool)> {
    Some(match kind {
        0 => (1, false),
        1 => (1, true),
        2 => (2, false),
        3 => (2, true),
        4 => (4, false),
        5 => (4, true),
        10 => (8, false),
        11 => (8, true),
        _ => return None,
    })
}

/// Reads at most eight little-endian bytes as an integer.
fn widen(bytes: &[u8], signed: bool) -> i64 {
    let negative = signed && bytes.last().is_some_and(|top| top & 0x80 != 0);
    let start = if negative { -1 } else { 0 };
    bytes.iter().rev().fold(start, |value: i64, byte| (value << 8) | i64::from(*byte))
}

fn unknown(kind: u32, key: &str) -> Stop {
    fault::invalid(format!("{key} has the unknown value type {kind}")).into()
}

#[cfg(test)]
mod tests {
    use super::{Strings, widen};

    #[test]
    fn integers_keep_their_sign() {
        for (bytes, signed, expected) in [
            (&[0xff][..], false, 255),
            (&[0xff], true, -1),
            (&[0xfe, 0xff], true, -2),
            (&[0x00, 0x80, 0, 0], true, 0x8000),
            (&[0xff; 8], true, -1),
        ] {
            assert_eq!(widen(bytes, signed), expected, "{bytes:?}");
        }
    }

    #[test]
    fn strings_are_returned_in_order() {
        let mut strings = Strings::default();
        for text in ["a", "", "ßz"] {
            assert!(strings.push(text));
        }
        assert_eq!(strings.iter().collect::<Vec<_>>(), ["a", "", "ßz"]);
        assert_eq!(strings.get(3), None);
    }
}
