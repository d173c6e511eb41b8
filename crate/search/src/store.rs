//! All documents of a store in memory, except for their texts, and the search over them.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;

use crate::batch::{Batch, Entry, Put, deletion, read_deletion};
use crate::bytes::{Quick, checksum};
use crate::error::{Damaged, Error};
use crate::fields::{Columns, Filter};
use crate::journal::{Found, Header, Kind, Scan};
use crate::keywords::{Corpus, Segment};
use crate::vectors::{Best, Scored, Vectors};

/// The constant of reciprocal rank fusion: with it, the second rank is worth 98 % of the first.
const RANK_SMOOTHING: f32 = 60.0;
/// How many entries of each ranking are fused: four times the requested number, and at least this
/// many.
const FUSED: usize = 100;

/// A store as described by its file.
#[derive(Debug)]
pub(crate) struct Store {
    header: Header,
    scan: Scan,
    damaged: u64,
    documents: Vec<Document>,
    by_id: HashMap<Rc<str>, u32, Quick>,
    vectors: Vectors,
    columns: Columns,
    segments: Vec<Segment>,
    unread: VecDeque<Unread>,
    /// The number of documents that are not deleted, and the sum of their words.
    live: u32,
    words: u64,
    records: u32,
}

#[derive(Debug)]
struct Document {
    entry: Entry,
    /// The offset of its text in the file, followed by its metadata.
    at: u64,
    is_live: bool,
}

/// The words of a record, loaded when first needed.
#[derive(Debug)]
struct Unread {
    at: u64,
    length: u32,
    sum: u64,
    first: u32,
}

/// A query. At least one of vector and text is set.
#[derive(Debug, Default)]
pub(crate) struct Search<'a> {
    pub(crate) vector: Option<&'a [f32]>,
    pub(crate) text: Option<&'a str>,
    pub(crate) most: usize,
    /// The weight of the keyword ranking relative to the vector ranking, 0 to 1.
    pub(crate) weight: f32,
    pub(crate) filter: Option<&'a Filter>,
}

/// A document found by a search. A score is `None` if the document was not ranked by it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Hit {
    pub(crate) document: u32,
    pub(crate) score: f32,
    pub(crate) vector: Option<f32>,
    pub(crate) keywords: Option<f32>,
}

impl Store {
    /// Creates a store for a file with this header, whose records begin at `start`.
    pub(crate) fn new(header: Header, start: u64) -> Self {
        Self {
            scan: Scan::new(header.salt, start, start),
            damaged: 0,
            documents: Vec::new(),
            by_id: HashMap::default(),
            vectors: Vectors::new(header.dimensions, header.encoding),
            columns: Columns::default(),
            segments: Vec::new(),
            unread: VecDeque::new(),
            live: 0,
            words: 0,
            records: 0,
            header,
        }
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// Returns the number of documents that are not deleted.
    pub(crate) fn live(&self) -> u32 {
        self.live
    }

    /// Returns the number of documents including deleted ones.
    pub(crate) fn documents(&self) -> usize {
        self.documents.len()
    }

    pub(crate) fn records(&self) -> u32 {
        self.records
    }

    // ── The file ────────────────────────────────────────────────────────────────────────────────

    /// Starts reading after the last record, in a file of this size.
    pub(crate) fn grow(&mut self, size: u64) {
        self.damaged += self.scan.damaged();
        self.scan = Scan::new(self.header.salt, self.end(), size);
    }

    /// Returns the bytes to feed next, or `None` once everything was read.
    pub(crate) fn wanted(&self) -> Option<(u64, u64)> {
        self.scan.wanted()
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        if let Some(found) = self.scan.feed(bytes)
            && self.apply(&found).is_err()
        {
            // The checksum was right, so another program wrote this.
            self.damaged += found.head.len() as u64;
        }
    }

    /// Returns the end of the last complete record.
    pub(crate) fn end(&self) -> u64 {
        self.scan.end()
    }

    /// Returns the number of unreadable bytes that were skipped.
    pub(crate) fn damaged(&self) -> u64 {
        self.damaged + self.scan.damaged()
    }

    fn apply(&mut self, found: &Found) -> Result<(), Damaged> {
        match found.kind {
            Kind::Delete => {
                for id in read_deletion(&found.head)? {
                    if let Some(number) = self.by_id.remove(id) {
                        self.bury(number);
                    }
                }
            }
            Kind::Put => {
                let size = self.header.encoding.bytes_of(self.header.dimensions);
                let put = Put::read(&found.head, size)?;
                let first = u32::try_from(self.documents.len()).map_err(|_| Damaged)?;
                let (length, sum) = put.keywords;
                self.unread.push_back(Unread { at: found.body_at, length, sum, first });
                let mut at = found.body_at + u64::from(length);
                let vectors = put.vectors.chunks_exact(size);
                self.columns.extend(put.fields);
                for (number, (entry, vector)) in
                    (first..).zip(put.documents.into_iter().zip(vectors))
                {
                    if let Some(older) = self.by_id.insert(Rc::clone(&entry.id), number) {
                        self.bury(older);
                    }
                    self.vectors.push(vector);
                    self.live += 1;
                    self.words += u64::from(entry.words);
                    let length = u64::from(entry.text) + u64::from(entry.metadata);
                    self.documents.push(Document { entry, at, is_live: true });
                    at += length;
                }
            }
        }
        self.records += 1;
        Ok(())
    }

    /// Handles a document that is deleted or replaced.
    fn bury(&mut self, number: u32) {
        if let Some(document) = self.documents.get_mut(number as usize) {
            document.is_live = false;
            self.live -= 1;
            self.words -= u64::from(document.entry.words);
        }
    }

    /// Returns offset and length of words that a keyword search needs and that aren't loaded yet.
    pub(crate) fn unread_keywords(&self) -> Option<(u64, u32)> {
        self.unread.front().map(|it| (it.at, it.length))
    }

    pub(crate) fn feed_keywords(&mut self, bytes: &[u8]) {
        let Some(unread) = self.unread.pop_front() else { return };
        let is_whole = checksum(self.header.salt, bytes) == unread.sum;
        match Segment::new(unread.first, bytes.to_vec()) {
            Ok(segment) if is_whole => self.segments.push(segment),
            _ => self.damaged += bytes.len() as u64,
        }
    }

    // ── Documents ───────────────────────────────────────────────────────────────────────────────

    pub(crate) fn batch(&self) -> Batch {
        Batch::new(self.header.dimensions, self.header.encoding)
    }

    pub(crate) fn record_of(&self, batch: &Batch) -> Vec<u8> {
        batch.to_record(self.header.salt, self.end())
    }

    pub(crate) fn deletion_of(&self, ids: &[String]) -> Vec<u8> {
        deletion(ids, self.header.salt, self.end())
    }

    pub(crate) fn find(&self, id: &str) -> Option<u32> {
        self.by_id.get(id).copied()
    }

    /// Returns ID, offset, and lengths of text and metadata of a document that is not deleted.
    pub(crate) fn document(&self, number: u32) -> Option<(&str, u64, u32, u32)> {
        let document = self.documents.get(number as usize).filter(|it| it.is_live)?;
        let Entry { id, text, metadata, .. } = &document.entry;
        Some((id, document.at, *text, *metadata))
    }

    /// Adds a document of this store to the batch of another file.
    pub(crate) fn carry(&self, number: u32, texts: [&str; 3], batch: &mut Batch) {
        let Some((id, ..)) = self.document(number) else { return };
        let mut vector = Vec::new();
        self.vectors.row(number as usize, &mut vector);
        let fields = self.columns.fields_of(number as usize);
        batch.carry(id, texts, &vector, fields);
    }

    /// Returns the IDs of the documents that satisfy a filter, in insertion order.
    pub(crate) fn select(&self, filter: Option<&Filter>) -> Vec<String> {
        let selected = filter.map(|filter| self.columns.select(filter));
        let documents = self.documents.iter().enumerate();
        documents
            .filter(|(number, it)| it.is_live && is_in(selected.as_deref(), *number))
            .map(|(_, it)| it.entry.id.to_string())
            .collect()
    }

    // ── Search ──────────────────────────────────────────────────────────────────────────────────

    /// Returns the best documents. With both a vector and a text, the two rankings are fused by
    /// rank.
    pub(crate) fn search(&self, search: &Search<'_>) -> Result<Vec<Hit>, Error> {
        let most = search.most.min(self.documents.len());
        let selected = search.filter.map(|filter| self.columns.select(filter));
        let is_wanted = |number: usize| {
            self.documents.get(number).is_some_and(|it| it.is_live)
                && is_in(selected.as_deref(), number)
        };
        let pool = if search.vector.is_some() && search.text.is_some() {
            (4 * most).max(FUSED)
        } else {
            most
        };
        let by_vector = match search.vector {
            None => Vec::new(),
            Some(vector) => {
                let query = self.vectors.query(vector)?;
                let mut best = Best::new(pool);
                self.vectors.score(&query, is_wanted, |row, score| {
                    if let Ok(number) = u32::try_from(row) {
                        best.offer(number, score);
                    }
                });
                best.into_sorted()
            }
        };
        let by_keywords = search.text.map_or_else(Vec::new, |text| {
            let corpus =
                Corpus { segments: &self.segments, documents: self.live, words: self.words };
            let length = |number: u32| {
                let document = self.documents.get(number as usize)?;
                document.is_live.then_some(document.entry.words)
            };
            let mut best = Best::new(pool);
            for (number, score) in corpus.score(text, length) {
                if is_wanted(number as usize) {
                    best.offer(number, score);
                }
            }
            best.into_sorted()
        });
        let mut hits = fuse(&by_vector, &by_keywords, search);
        hits.truncate(most);
        Ok(hits)
    }
}

fn is_in(selected: Option<&[bool]>, number: usize) -> bool {
    selected.is_none_or(|selected| selected.get(number).copied().unwrap_or_default())
}

/// Adds one of two rankings. With both, a score is `(1 - w) / (60 + rank) + w / (60 + rank)`,
/// scaled so that the first rank in both rankings scores 1.
fn fuse(by_vector: &[Scored], by_keywords: &[Scored], search: &Search<'_>) -> Vec<Hit> {
    let hit =
        |it: &Scored| Hit { document: it.document, score: it.score, vector: None, keywords: None };
    if search.text.is_none() {
        return by_vector.iter().map(|it| Hit { vector: Some(it.score), ..hit(it) }).collect();
    }
    if search.vector.is_none() {
        return by_keywords.iter().map(|it| Hit { keywords: Some(it.score), ..hit(it) }).collect();
    }
    let mut hits: BTreeMap<u32, Hit> = BTreeMap::new();
    let mut rank = |ranking: &[Scored], weight: f32, mark: fn(&mut Hit, f32)| {
        let mut place = 1.0;
        for it in ranking {
            let fused = hits.entry(it.document).or_insert(Hit { score: 0.0, ..hit(it) });
            fused.score += weight * (RANK_SMOOTHING + 1.0) / (RANK_SMOOTHING + place);
            mark(fused, it.score);
            place += 1.0;
        }
    };
    rank(by_vector, 1.0 - search.weight, |hit, score| hit.vector = Some(score));
    rank(by_keywords, search.weight, |hit, score| hit.keywords = Some(score));
    let mut hits: Vec<Hit> = hits.into_values().collect();
    hits.sort_unstable_by(|one, other| {
        other.score.total_cmp(&one.score).then(one.document.cmp(&other.document))
    });
    hits
}
