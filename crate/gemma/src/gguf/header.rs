//! Parses the header of one file from the available prefix.

use std::collections::BTreeMap;

use hybridge_core::Result;

use super::cursor::{Cursor, Stop};
use super::fault;
use super::value::Value;
use crate::quant::Encoding;

/// Far above any real file; larger counts mean that the file is damaged.
const MOST_KEYS: u64 = 1_000_000;
const MOST_TENSORS: u64 = 100_000;
/// The minimum size of a key: an empty name, a type and one byte.
const SHORTEST_KEY: u64 = 8 + 4 + 1;
/// The minimum size of a tensor's entry: an empty name, a dimension count, a type and an offset.
const SHORTEST_TENSOR: u64 = 8 + 4 + 4 + 8;
const DEFAULT_ALIGNMENT: u64 = 32;

/// A file's metadata.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    metadata: BTreeMap<String, Value>,
    tensors: Vec<TensorInfo>,
}

/// The result of parsing a prefix of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Parsed {
    /// The header is complete.
    Complete(Header),
    /// At least this many bytes of the file are needed.
    NeedMore(u64),
}

/// Location and type of a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// The name, for example `blk.0.attn_q.weight`.
    pub name: String,
    /// The dimensions, the contiguous one first, without trailing ones.
    pub shape: Vec<u64>,
    /// The encoding, or the raw type ID if it is unsupported.
    pub encoding: Result<Encoding, u32>,
    /// The offset in its file.
    pub offset: u64,
    /// The size in bytes; 0 if the encoding is unsupported.
    pub bytes: u64,
}

impl Header {
    /// Parses a header from a prefix of a file of `file_size` bytes.
    pub fn parse(prefix: &[u8], file_size: u64) -> Result<Parsed> {
        match Self::read(&mut Cursor::new(prefix, file_size), file_size) {
            Ok(header) => Ok(Parsed::Complete(header)),
            Err(Stop::NeedMore(bytes)) => Ok(Parsed::NeedMore(bytes)),
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    /// Returns the value of a key.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&Value> {
        self.metadata.get(key)
    }

    /// Returns all keys with their values, by name.
    pub fn metadata(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.metadata.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Returns all tensors, in the file's order.
    #[must_use]
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    fn read(cursor: &mut Cursor<'_>, file_size: u64) -> Result<Self, Stop> {
        if cursor.take(4, "the magic")? != b"GGUF" {
            return Err(fault::invalid("not a GGUF file: it does not begin with `GGUF`").into());
        }
        let version = cursor.u32("the version")?;
        if !matches!(version, 2 | 3) {
            return Err(fault::unsupported(format!(
                "GGUF version {version} is not supported, only 2 and 3"
            ))
            .into());
        }
        let tensor_count = cursor.u64("the tensor count")?;
        let key_count = cursor.u64("the key count")?;
        if tensor_count > MOST_TENSORS || key_count > MOST_KEYS {
            return Err(fault::invalid(format!(
                "{tensor_count} tensors and {key_count} keys are more than any model has"
            ))
            .into());
        }
        cursor.expect(key_count, SHORTEST_KEY, "the metadata")?;
        let mut metadata = BTreeMap::new();
        for _ in 0..key_count {
            let key = cursor.name("a metadata key")?;
            let value = Value::read(cursor, key)?;
            if metadata.insert(key.to_owned(), value).is_some() {
                return Err(fault::invalid(format!("the key {key} occurs twice")).into());
            }
        }
        cursor.expect(tensor_count, SHORTEST_TENSOR, "the tensor descriptions")?;
        let mut tensors = Vec::new();
        for _ in 0..tensor_count {
            tensors.push(TensorInfo::read(cursor)?);
        }
        let alignment = alignment(&metadata)?;
        let start = cursor.position().next_multiple_of(alignment);
        for tensor in &mut tensors {
            tensor.settle(start, alignment, file_size)?;
        }
        refuse_overlaps(&tensors)?;
        Ok(Self { metadata, tensors })
    }
}

/// Rejects tensors that share bytes: at least one of them is wrong.
fn refuse_overlaps(tensors: &[TensorInfo]) -> Result<()> {
    let mut placed: Vec<&TensorInfo> = tensors.iter().filter(|it| it.bytes > 0).collect();
    placed.sort_by_key(|tensor| tensor.offset);
    for (first, second) in placed.iter().zip(placed.iter().skip(1)) {
        if first.offset + first.bytes > second.offset {
            return Err(fault::invalid(format!("{} overlaps {}", first.name, second.name)));
        }
    }
    Ok(())
}

impl TensorInfo {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Stop> {
        let name = cursor.name("a tensor's name")?.to_owned();
        let dimensions = cursor.u32(&name)?;
        if dimensions > 4 {
            return Err(fault::invalid(format!("{name} has {dimensions} dimensions")).into());
        }
        let mut shape = Vec::new();
        for _ in 0..dimensions {
            shape.push(cursor.u64(&name)?);
        }
        while shape.len() > 1 && shape.last() == Some(&1) {
            shape.pop();
        }
        let id = cursor.u32(&name)?;
        let offset = cursor.u64(&name)?;
        Ok(Self { name, shape, encoding: Encoding::from_id(id).ok_or(id), offset, bytes: 0 })
    }

    /// Converts the offset to one in the file, and checks that the file contains the bytes.
    fn settle(&mut self, start: u64, alignment: u64, file_size: u64) -> Result<()> {
        let name = &self.name;
        if !self.offset.is_multiple_of(alignment) {
            return Err(fault::invalid(format!("{name} is not aligned to {alignment} bytes")));
        }
        let too_large = || fault::invalid(format!("{name} is larger than any file"));
        let values = self.shape.iter().try_fold(1_u64, |product, size| product.checked_mul(*size));
        let values = values.ok_or_else(too_large)?;
        self.bytes = match self.encoding {
            Ok(encoding) => {
                let row = self.shape.first().copied().unwrap_or(1);
                if !row.is_multiple_of(encoding.block_values() as u64) {
                    return Err(fault::invalid(format!(
                        "{name} has rows of {row} values, which {} cannot store",
                        encoding.name()
                    )));
                }
                (values / encoding.block_values() as u64)
                    .checked_mul(encoding.block_bytes() as u64)
                    .ok_or_else(too_large)?
            }
            // Its size is unknown; it is rejected when it is needed.
            Err(_) => 0,
        };
        self.offset = self.offset.checked_add(start).ok_or_else(too_large)?;
        let end = self.offset.checked_add(self.bytes).ok_or_else(too_large)?;
        if end > file_size {
            return Err(fault::truncated(name, end, file_size));
        }
        Ok(())
    }
}

fn alignment(metadata: &BTreeMap<String, Value>) -> Result<u64> {
    let Some(value) = metadata.get("general.alignment") else {
        return Ok(DEFAULT_ALIGNMENT);
    };
    value
        .as_usize()
        .map(|alignment| alignment as u64)
        .filter(|alignment| alignment.is_power_of_two() && *alignment <= 1 << 20)
        .ok_or_else(|| fault::invalid("general.alignment is not a small power of two"))
}
