//! A model's file, or the parts of a split one, opened from byte ranges.

use std::collections::HashMap;
use std::rc::Rc;

use hybridge_core::Result;

use super::fault;
use super::header::{Header, Parsed, TensorInfo};
use super::value::Value;
use crate::source::Source;

/// Gemma 3's vocabulary takes six to eight megabytes, so most headers arrive with the first read.
const FIRST_READ: u64 = 16 << 20;

/// One model: its metadata, and the location of each tensor.
#[derive(Clone, Debug)]
pub struct Gguf {
    sources: Vec<Rc<dyn Source>>,
    header: Header,
    places: HashMap<String, Place>,
}

/// A tensor and the file that contains it.
#[derive(Clone, Debug)]
struct Place {
    file: usize,
    info: TensorInfo,
}

impl Gguf {
    /// Reads the headers of a model's files, given in any order.
    pub async fn open(sources: Vec<Rc<dyn Source>>) -> Result<Self> {
        let mut parts = Vec::new();
        for source in sources {
            let header = read_header(&*source).await?;
            parts.push((part_number(&header)?, header, source));
        }
        parts.sort_by_key(|(number, ..)| *number);
        check_parts(&parts)?;
        let mut places = HashMap::new();
        let mut sources = Vec::new();
        let mut first = None;
        for (file, (_, header, source)) in parts.into_iter().enumerate() {
            for info in header.tensors() {
                let place = Place { file, info: info.clone() };
                if places.insert(info.name.clone(), place).is_some() {
                    return Err(fault::invalid(format!("the tensor {} occurs twice", info.name)));
                }
            }
            sources.push(source);
            first.get_or_insert(header);
        }
        let header = first.ok_or_else(|| fault::split("no file was given"))?;
        Ok(Self { sources, header, places })
    }

    /// Returns the metadata, which is in the first part.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Returns the value of a key.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&Value> {
        self.header.value(key)
    }

    /// Returns a tensor and the number of its file.
    #[must_use]
    pub fn tensor(&self, name: &str) -> Option<(usize, &TensorInfo)> {
        self.places.get(name).map(|place| (place.file, &place.info))
    }

    /// Returns the total size of all files.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.sources.iter().map(|source| source.size()).sum()
    }

    /// Reads bytes of one of the files.
    pub async fn read(&self, file: usize, offset: u64, length: usize) -> Result<Vec<u8>> {
        let source = self
            .sources
            .get(file)
            .ok_or_else(|| fault::split(format!("there is no file {file}")))?;
        source.read(offset, length).await
    }
}

/// Reads a growing prefix until the header is complete.
async fn read_header(source: &dyn Source) -> Result<Header> {
    let size = source.size();
    if size == 0 {
        return Err(fault::empty());
    }
    let mut prefix = Vec::new();
    let mut wanted = FIRST_READ.min(size);
    loop {
        let have = prefix.len() as u64;
        let missing = usize::try_from(wanted - have)
            .map_err(|_| fault::invalid("the header does not fit into memory"))?;
        prefix.extend(source.read(have, missing).await?);
        match Header::parse(&prefix, size)? {
            Parsed::Complete(header) => return Ok(header),
            // Doubling keeps the cost of reparsing linear. The parser rejects a header that extends
            // past the end, so the prefix grows every time.
            Parsed::NeedMore(needed) => wanted = needed.max(wanted * 2).min(size),
        }
        if wanted == prefix.len() as u64 {
            return Err(fault::truncated("the header", wanted + 1, size));
        }
    }
}

fn split_key(header: &Header, key: &str) -> Result<Option<usize>> {
    header
        .value(key)
        .map(|value| value.as_usize().ok_or_else(|| fault::split(format!("{key} is not a count"))))
        .transpose()
}

fn part_number(header: &Header) -> Result<usize> {
    Ok(split_key(header, "split.no")?.unwrap_or(0))
}

/// Checks that all parts of one split model are present, and no other file.
fn check_parts(parts: &[(usize, Header, Rc<dyn Source>)]) -> Result<()> {
    let Some((_, first, _)) = parts.first() else { return Ok(()) };
    let promised = split_key(first, "split.count")?.unwrap_or(1).max(1);
    if promised != parts.len() {
        return Err(fault::split(format!(
            "the model is split into {promised} files, {} were given",
            parts.len()
        )));
    }
    for (expected, (number, header, _)) in parts.iter().enumerate() {
        if *number != expected || split_key(header, "split.count")?.unwrap_or(1).max(1) != promised
        {
            return Err(fault::split(format!("part {} of {promised} is missing", expected + 1)));
        }
    }
    let held: usize = parts.iter().map(|(_, header, _)| header.tensors().len()).sum();
    match split_key(first, "split.tensors.count")? {
        Some(count) if count != held => {
            Err(fault::split(format!("the model has {count} tensors, its files hold {held}")))
        }
        _ => Ok(()),
    }
}
