//! Writes GGUF files: valid ones and, for the parser's tests, invalid ones.

use crate::quant::Encoding;
use crate::quant::encode::encode;

/// A metadata value with its width, which the reader discards.
#[derive(Clone, Debug)]
pub enum Entry {
    /// Type 2.
    U16(u16),
    /// Type 4.
    U32(u32),
    /// Type 5.
    I32(i32),
    /// Type 6.
    F32(f32),
    /// Type 7.
    Bool(bool),
    /// Type 8.
    Text(String),
    /// Type 10.
    U64(u64),
    /// Type 9 of type 5.
    Integers(Vec<i32>),
    /// Type 9 of type 6.
    Floats(Vec<f32>),
    /// Type 9 of type 7.
    Bools(Vec<bool>),
    /// Type 9 of type 8.
    Texts(Vec<String>),
}

/// A file under construction.
#[derive(Clone, Debug)]
pub struct Writer {
    /// The version in the header.
    pub version: u32,
    /// Keys, in order.
    pub metadata: Vec<(String, Entry)>,
    tensors: Vec<Stored>,
}

#[derive(Clone, Debug)]
struct Stored {
    name: String,
    shape: Vec<u64>,
    type_id: u32,
    length: usize,
    bytes: Vec<u8>,
}

/// The alignment of tensors.
pub(super) const ALIGNMENT: usize = 32;

impl Default for Writer {
    fn default() -> Self {
        Self { version: 3, metadata: Vec::new(), tensors: Vec::new() }
    }
}

impl Writer {
    /// Adds or replaces a key.
    pub fn set(&mut self, key: &str, entry: Entry) {
        self.remove(key);
        self.metadata.push((key.to_owned(), entry));
    }

    /// Removes a key.
    pub fn remove(&mut self, key: &str) {
        self.metadata.retain(|(have, _)| have != key);
    }

    /// Adds a tensor of values, with the contiguous dimension first.
    pub fn tensor(&mut self, name: &str, shape: &[usize], encoding: Encoding, values: &[f32]) {
        self.raw_tensor(name, shape, encoding.id(), encode(encoding, values));
    }

    /// Adds a tensor of bytes with any type ID.
    pub fn raw_tensor(&mut self, name: &str, shape: &[usize], type_id: u32, bytes: Vec<u8>) {
        self.announce(name, shape, type_id, bytes.len());
        if let Some(tensor) = self.tensors.last_mut() {
            tensor.bytes = bytes;
        }
    }

    /// Adds a tensor whose bytes are supplied later; [`Self::header`] and [`Self::places`] include
    /// it.
    pub fn announce(&mut self, name: &str, shape: &[usize], type_id: u32, length: usize) {
        let shape = shape.iter().map(|size| *size as u64).collect();
        let bytes = Vec::new();
        self.tensors.push(Stored { name: name.to_owned(), shape, type_id, length, bytes });
    }

    /// Returns the offset of each tensor's bytes, relative to the first.
    pub fn places(&self) -> impl Iterator<Item = usize> {
        self.tensors.iter().scan(0, |offset, tensor| {
            let place = *offset;
            *offset += tensor.length.next_multiple_of(ALIGNMENT);
            Some(place)
        })
    }

    /// Removes a tensor.
    pub fn remove_tensor(&mut self, name: &str) {
        self.tensors.retain(|tensor| tensor.name != name);
    }

    /// Changes only a tensor's shape.
    pub fn reshape(&mut self, name: &str, shape: &[u64]) {
        for tensor in self.tensors.iter_mut().filter(|tensor| tensor.name == name) {
            tensor.shape = shape.to_vec();
        }
    }

    /// Splits the tensors into `parts` files, with the metadata in the first.
    #[must_use]
    pub fn split(&self, parts: u16) -> Vec<Vec<u8>> {
        let each = self.tensors.len().div_ceil(usize::from(parts.max(1))).max(1);
        let total = i32::try_from(self.tensors.len()).unwrap_or(i32::MAX);
        let mut chunks = self.tensors.chunks(each);
        (0..parts)
            .map(|number| {
                let mut part = Self { tensors: Vec::new(), ..self.clone() };
                part.tensors = chunks.next().unwrap_or_default().to_vec();
                if number > 0 {
                    part.metadata.clear();
                }
                part.set("split.no", Entry::U16(number));
                part.set("split.count", Entry::U16(parts));
                part.set("split.tensors.count", Entry::I32(total));
                part.bytes()
            })
            .collect()
    }

    /// Returns the header without padding or tensors.
    #[must_use]
    pub fn header(&self) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(self.version.to_le_bytes());
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.metadata.len() as u64).to_le_bytes());
        for (key, entry) in &self.metadata {
            push_text(&mut out, key);
            entry.write(&mut out);
        }
        for (tensor, offset) in self.tensors.iter().zip(self.places()) {
            push_text(&mut out, &tensor.name);
            push_u32(&mut out, tensor.shape.len());
            for size in &tensor.shape {
                out.extend(size.to_le_bytes());
            }
            out.extend(tensor.type_id.to_le_bytes());
            out.extend((offset as u64).to_le_bytes());
        }
        out
    }

    /// Returns the whole file.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = self.header();
        for tensor in &self.tensors {
            out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
            out.extend(&tensor.bytes);
        }
        out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
        out
    }
}

impl Entry {
    fn write(&self, out: &mut Vec<u8>) {
        let mut scalar = |kind: u32, bytes: &[u8]| {
            out.extend(kind.to_le_bytes());
            out.extend(bytes);
        };
        match self {
            Self::U16(value) => scalar(2, &value.to_le_bytes()),
            Self::U32(value) => scalar(4, &value.to_le_bytes()),
            Self::I32(value) => scalar(5, &value.to_le_bytes()),
            Self::F32(value) => scalar(6, &value.to_le_bytes()),
            Self::Bool(value) => scalar(7, &[u8::from(*value)]),
            Self::U64(value) => scalar(10, &value.to_le_bytes()),
            Self::Text(text) => {
                scalar(8, &[]);
                push_text(out, text);
            }
            Self::Integers(items) => {
                list(out, 5, items, |out, item| out.extend(item.to_le_bytes()));
            }
            Self::Floats(items) => list(out, 6, items, |out, item| out.extend(item.to_le_bytes())),
            Self::Bools(items) => list(out, 7, items, |out, item| out.push(u8::from(*item))),
            Self::Texts(items) => list(out, 8, items, |out, item| push_text(out, item)),
        }
    }
}

fn list<T>(out: &mut Vec<u8>, kind: u32, items: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
    out.extend(9_u32.to_le_bytes());
    out.extend(kind.to_le_bytes());
    out.extend((items.len() as u64).to_le_bytes());
    for item in items {
        write(out, item);
    }
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

fn push_u32(out: &mut Vec<u8>, value: usize) {
    out.extend(u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes());
}
