//! Encodes numbers and strings as bytes, and computes checksums.

use std::hash::{BuildHasher, Hasher};

use crate::error::Damaged;

/// Reads the output of [`put_varint`] and related functions. The bytes are not trusted.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], Damaged> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Damaged)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Damaged> {
        self.take(N)?.try_into().map_err(|_| Damaged)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Damaged> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub(crate) fn word(&mut self) -> Result<u32, Damaged> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn long(&mut self) -> Result<u64, Damaged> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(crate) fn double(&mut self) -> Result<f64, Damaged> {
        Ok(f64::from_le_bytes(self.array()?))
    }

    /// Seven bits per byte, the lowest first.
    pub(crate) fn varint(&mut self) -> Result<u32, Damaged> {
        let mut value = 0_u32;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && byte > 0x0f {
                return Err(Damaged);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Damaged)
    }

    /// Reads a varint that counts bytes or entries, each of which takes at least one of the
    /// remaining bytes.
    pub(crate) fn count(&mut self) -> Result<usize, Damaged> {
        let count = self.varint()? as usize;
        if count > self.rest.len() { Err(Damaged) } else { Ok(count) }
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Damaged> {
        let length = self.count()?;
        str::from_utf8(self.take(length)?).map_err(|_| Damaged)
    }
}

pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// A length as the format stores it. Lengths stay far below the limit.
pub(crate) fn short(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, short(text.len()));
    out.extend_from_slice(text.as_bytes());
}

/// A 64-bit checksum. For a given seed, each step is a bijection of states and words, so a change
/// within one word of eight bytes is always detected; others are missed once in 2^64.
pub(crate) fn checksum(seed: u64, bytes: &[u8]) -> u64 {
    let mut state = mix(seed ^ bytes.len() as u64);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        state = mix(state ^ u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    mix(mix(state ^ u64::from_le_bytes(last)))
}

/// Hashes IDs and strings for in-memory maps. The standard hasher resists deliberate collisions but
/// would take a third of the time to open a store; colliding IDs only slow down the store of their
/// author.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Quick;

impl BuildHasher for Quick {
    type Hasher = QuickHasher;

    fn build_hasher(&self) -> QuickHasher {
        QuickHasher(0)
    }
}

/// The state of one hash.
#[derive(Debug)]
pub(crate) struct QuickHasher(u64);

impl Hasher for QuickHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = checksum(self.0, bytes);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A bijection: an odd factor has an inverse, and so has a shifted xor.
fn mix(value: u64) -> u64 {
    let product = value.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    product ^ (product >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_round_trip() {
        for value in [0, 1, 127, 128, 16_383, 16_384, u32::MAX - 1, u32::MAX] {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            let mut reader = Reader::new(&bytes);
            assert_eq!((reader.varint(), reader.is_empty()), (Ok(value), true));
            for cut in 0..bytes.len() {
                assert_eq!(Reader::new(&bytes[..cut]).varint(), Err(Damaged));
            }
        }
        assert_eq!(Reader::new(&[0xff; 6]).varint(), Err(Damaged));
        assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x10]).varint(), Err(Damaged));
    }

    #[test]
    fn a_checksum_changes_with_every_bit_and_with_the_length() {
        let bytes: Vec<u8> = (0..45).collect();
        let whole = checksum(7, &bytes);
        for bit in 0..bytes.len() * 8 {
            let mut other = bytes.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(checksum(7, &other), whole, "bit {bit}");
        }
        for cut in 0..bytes.len() {
            assert_ne!(checksum(7, &bytes[..cut]), whole);
        }
        assert_ne!(checksum(8, &bytes), whole);
        assert_ne!(checksum(0, &[0; 8]), checksum(0, &[0; 16]));
    }
}
