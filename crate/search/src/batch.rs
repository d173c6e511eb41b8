//! The content of records: added documents, and IDs of deleted ones.

use std::rc::Rc;

use crate::bytes::{Reader, checksum, put_text, put_varint, short};
use crate::error::{Damaged, Error};
use crate::fields::{BatchFields, Field, Value, put_fields};
use crate::journal::{Kind, record};
use crate::keywords::SegmentBuilder;
use crate::vectors::{Encoding, encode};

/// Documents to be written as one record.
#[derive(Debug)]
pub(crate) struct Batch {
    dimensions: usize,
    encoding: Encoding,
    documents: Vec<Entry>,
    fields: Vec<Vec<Field>>,
    vectors: Vec<u8>,
    keywords: SegmentBuilder,
    bodies: Vec<u8>,
}

/// A document's entry in the head of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: Rc<str>,
    pub(crate) text: u32,
    pub(crate) metadata: u32,
    pub(crate) words: u32,
}

impl Batch {
    pub(crate) fn new(dimensions: usize, encoding: Encoding) -> Self {
        Self {
            dimensions,
            encoding,
            documents: Vec::new(),
            fields: Vec::new(),
            vectors: Vec::new(),
            keywords: SegmentBuilder::default(),
            bodies: Vec::new(),
        }
    }

    /// Adds a document. Its metadata is JSON, which is stored unparsed; `words` is its text for
    /// keyword search.
    pub(crate) fn push(
        &mut self,
        id: &str,
        [text, words, metadata]: [&str; 3],
        vector: &[f32],
    ) -> Result<(), Error> {
        if vector.len() != self.dimensions {
            return Err(Error::Invalid(format!(
                "a document's vector has {} numbers, and the store's have {}",
                vector.len(),
                self.dimensions
            )));
        }
        encode(vector, self.encoding, &mut self.vectors)?;
        self.push_entry(id, [text, words, metadata], Vec::new());
        Ok(())
    }

    /// Adds a document from another file, with the bytes of its vector.
    pub(crate) fn carry(&mut self, id: &str, texts: [&str; 3], vector: &[u8], fields: Vec<Field>) {
        self.vectors.extend_from_slice(vector);
        self.push_entry(id, texts, fields);
    }

    fn push_entry(&mut self, id: &str, texts: [&str; 3], fields: Vec<Field>) {
        let [text, words, metadata] = texts;
        let words = self.keywords.push(words);
        self.bodies.extend_from_slice(text.as_bytes());
        self.bodies.extend_from_slice(metadata.as_bytes());
        let (text, metadata) = (short(text.len()), short(metadata.len()));
        self.documents.push(Entry { id: id.into(), text, metadata, words });
        self.fields.push(fields);
    }

    /// Gives the last document a value in a field; a second value makes a list.
    pub(crate) fn field(&mut self, name: &str, value: Option<Value>) {
        let Some(fields) = self.fields.last_mut() else { return };
        match fields.last_mut() {
            Some((last, values)) if **last == *name => values.extend(value),
            _ => fields.push((name.into(), value.into_iter().collect())),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.documents.len()
    }

    /// Returns the record for the position `at`.
    pub(crate) fn to_record(&self, salt: u64, at: u64) -> Vec<u8> {
        let mut head = Vec::new();
        put_varint(&mut head, short(self.documents.len()));
        for Entry { id, text, metadata, words } in &self.documents {
            put_text(&mut head, id);
            [*text, *metadata, *words].into_iter().for_each(|it| put_varint(&mut head, it));
        }
        put_fields(&mut head, &self.fields);
        let mut body = self.keywords.to_bytes();
        put_varint(&mut head, short(body.len()));
        head.extend(checksum(salt, &body).to_le_bytes());
        head.extend_from_slice(&self.vectors);
        body.extend_from_slice(&self.bodies);
        record(salt, at, Kind::Put, &head, &body)
    }
}

/// The head of a record of documents.
#[derive(Debug)]
pub(crate) struct Put<'a> {
    pub(crate) documents: Vec<Entry>,
    pub(crate) fields: BatchFields,
    /// Length and checksum of the words, with which the body begins.
    pub(crate) keywords: (u32, u64),
    /// The bytes of the vectors, in the order of the documents.
    pub(crate) vectors: &'a [u8],
}

impl<'a> Put<'a> {
    pub(crate) fn read(head: &'a [u8], vector: usize) -> Result<Self, Damaged> {
        let mut reader = Reader::new(head);
        let documents = (0..reader.count()?)
            .map(|_| {
                let id = reader.text()?.into();
                let (text, metadata) = (reader.varint()?, reader.varint()?);
                Ok(Entry { id, text, metadata, words: reader.varint()? })
            })
            .collect::<Result<Vec<_>, Damaged>>()?;
        let fields = BatchFields::read(&mut reader, documents.len())?;
        let keywords = (reader.varint()?, reader.long()?);
        let vectors = reader.take(documents.len().checked_mul(vector).ok_or(Damaged)?)?;
        if reader.is_empty() {
            Ok(Self { documents, fields, keywords, vectors })
        } else {
            Err(Damaged)
        }
    }
}

/// Returns the record that deletes documents.
pub(crate) fn deletion(ids: &[String], salt: u64, at: u64) -> Vec<u8> {
    let mut head = Vec::new();
    put_varint(&mut head, short(ids.len()));
    ids.iter().for_each(|id| put_text(&mut head, id));
    record(salt, at, Kind::Delete, &head, &[])
}

pub(crate) fn read_deletion(head: &[u8]) -> Result<Vec<&str>, Damaged> {
    let mut reader = Reader::new(head);
    (0..reader.count()?).map(|_| reader.text()).collect()
}
