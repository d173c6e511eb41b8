//! Tests a store over a file in memory: writing, truncation, damage and search.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "numbers in tests are small"
)]

use std::collections::BTreeMap;

use crate::error::Error;
use crate::fields::{Comparison, Filter, Value};
use crate::journal::Header;
use crate::store::{Hit, Search, Store};
use crate::vectors::{Best, Encoding, Vectors, encode};

const DIMENSIONS: usize = 5;

/// A xorshift generator of small numbers.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, most: u64) -> u64 {
        self.next() % most
    }

    fn vector(&mut self, dimensions: usize) -> Vec<f32> {
        (0..dimensions).map(|_| self.below(2001) as f32 / 1000.0 - 1.0).collect()
    }
}

fn header(encoding: Encoding) -> Header {
    Header { salt: 42, promise: 0, dimensions: DIMENSIONS, encoding, embedder: "e".to_owned() }
}

/// From ID to text and metadata.
type Contents = BTreeMap<String, (String, String)>;

/// A store and its file.
struct Disk {
    file: Vec<u8>,
    store: Store,
}

impl Disk {
    fn new(encoding: Encoding) -> Self {
        let file = header(encoding).to_bytes();
        let store = Store::new(header(encoding), file.len() as u64);
        Self { file, store }
    }

    /// Returns a file's bytes, truncated where the store requires it.
    fn open(mut file: Vec<u8>) -> Option<Self> {
        let (header, start) = Header::read(&file, file.len() as u64).unwrap()?;
        let mut store = Store::new(header, start);
        store.grow(file.len() as u64);
        read(&mut store, &file);
        file.truncate(store.end() as usize);
        Some(Self { file, store })
    }

    fn append(&mut self, record: &[u8]) {
        assert_eq!(self.store.end() as usize, self.file.len());
        self.file.extend_from_slice(record);
        self.store.grow(self.file.len() as u64);
        read(&mut self.store, &self.file);
        assert_eq!(self.store.end() as usize, self.file.len());
    }

    fn put(&mut self, documents: &[(&str, &str, Vec<f32>)]) {
        let mut batch = self.store.batch();
        for (id, text, vector) in documents {
            let metadata = format!("{{\"id\":\"{id}\"}}");
            batch.push(id, [text, text, &metadata], vector).unwrap();
            batch.field("name", Some(Value::Text((*id).into())));
            batch.field("length", Some(Value::Number(text.len() as f64)));
        }
        let record = self.store.record_of(&batch);
        self.append(&record);
    }

    fn delete(&mut self, ids: &[&str]) {
        let ids: Vec<String> = ids.iter().map(|it| (*it).to_owned()).collect();
        let record = self.store.deletion_of(&ids);
        self.append(&record);
    }

    /// Returns the documents in the file.
    fn contents(&self) -> Contents {
        let text = |at: u64, length: u32| {
            let bytes = &self.file[at as usize..at as usize + length as usize];
            // A text has no checksum when it is read, so a changed byte changes a character.
            String::from_utf8_lossy(bytes).into_owned()
        };
        (0..self.store.documents() as u32)
            .filter_map(|number| {
                let (id, at, length, metadata) = self.store.document(number)?;
                let texts = (text(at, length), text(at + u64::from(length), metadata));
                Some((id.to_owned(), texts))
            })
            .collect()
    }

    fn search(&mut self, search: &Search<'_>) -> Vec<(String, Hit)> {
        while let Some((at, length)) = self.store.unread_keywords() {
            let bytes = &self.file[at as usize..at as usize + length as usize];
            self.store.feed_keywords(bytes);
        }
        let hits = self.store.search(search).unwrap();
        hits.into_iter()
            .map(|hit| (self.store.document(hit.document).unwrap().0.to_owned(), hit))
            .collect()
    }

    fn found(&mut self, search: &Search<'_>) -> Vec<String> {
        self.search(search).into_iter().map(|(id, _)| id).collect()
    }
}

fn read(store: &mut Store, file: &[u8]) {
    while let Some((at, length)) = store.wanted() {
        store.feed(&file[at as usize..(at + length) as usize]);
    }
}

fn axis(at: usize) -> Vec<f32> {
    (0..DIMENSIONS).map(|it| if it == at { 2.0 } else { 0.0 }).collect()
}

/// Returns a store after some history, with the size of the file and the contents after each step.
fn history(encoding: Encoding) -> (Disk, Vec<(usize, Contents)>) {
    let mut disk = Disk::new(encoding);
    let mut steps = vec![(disk.file.len(), disk.contents())];
    let mut step = |disk: &Disk| steps.push((disk.file.len(), disk.contents()));
    disk.put(&[("a", "apples and pears", axis(0)), ("b", "", axis(1))]);
    step(&disk);
    disk.put(&[("c", "cherries, 桜", axis(2))]);
    step(&disk);
    disk.delete(&["b", "unknown"]);
    step(&disk);
    disk.put(&[("a", "apricots", axis(3)), ("b", "bananas", axis(4))]);
    step(&disk);
    disk.delete(&["c"]);
    step(&disk);
    (disk, steps)
}

#[test]
fn contents_follow_puts_and_deletes() {
    let (disk, steps) = history(Encoding::Int8);
    let ids: Vec<String> =
        steps.iter().map(|(_, it)| it.keys().cloned().collect::<String>()).collect();
    assert_eq!(ids, ["", "ab", "abc", "ac", "abc", "ab"]);
    assert_eq!(disk.contents()["a"], ("apricots".to_owned(), "{\"id\":\"a\"}".to_owned()));
    assert_eq!((disk.store.live(), disk.store.documents()), (2, 5));
}

#[test]
fn a_file_cut_at_every_byte_contains_acknowledged_documents() {
    for encoding in [Encoding::Int8, Encoding::Float32] {
        let (disk, steps) = history(encoding);
        for cut in 0..=disk.file.len() {
            let Some(last) = steps.iter().rposition(|(size, _)| *size <= cut) else {
                assert!(Disk::open(disk.file[..cut].to_vec()).is_none(), "cut {cut}");
                continue;
            };
            let mut opened = Disk::open(disk.file[..cut].to_vec()).unwrap();
            assert_eq!(opened.contents(), steps[last].1, "cut {cut}");
            assert_eq!((opened.file.len(), opened.store.damaged()), (steps[last].0, 0));
            // The file can be written to as before.
            opened.put(&[("z", "after the cut", axis(0))]);
            let again = Disk::open(opened.file.clone()).unwrap();
            assert_eq!(again.contents(), opened.contents(), "cut {cut}");
            assert!(again.contents().contains_key("z"));
        }
    }
}

#[test]
fn no_changed_byte_makes_a_store_unreadable() {
    let (disk, _) = history(Encoding::Int8);
    let start = header(Encoding::Int8).to_bytes().len();
    for at in start..disk.file.len() {
        for flip in [0x01, 0x80] {
            let mut file = disk.file.clone();
            file[at] ^= flip;
            let mut opened = Disk::open(file).unwrap();
            for text in ["apples", "bananas"] {
                opened.found(&Search { text: Some(text), most: 3, ..Search::default() });
            }
            opened.put(&[("z", "after the damage", axis(0))]);
            assert!(Disk::open(opened.file).unwrap().contents().contains_key("z"));
        }
    }
}

#[test]
fn another_tab_sees_what_was_appended() {
    let (mut disk, _) = history(Encoding::Int8);
    let mut other = Disk::open(disk.file.clone()).unwrap();
    disk.put(&[("d", "dates", axis(0))]);
    disk.delete(&["a"]);
    other.file = disk.file.clone();
    other.store.grow(other.file.len() as u64);
    read(&mut other.store, &other.file);
    assert_eq!(other.contents(), disk.contents());
}

#[test]
fn a_compacted_file_has_the_same_contents() {
    let (mut disk, _) = history(Encoding::Int8);
    let mut copy = Disk::new(Encoding::Int8);
    let mut batch = copy.store.batch();
    let contents = disk.contents();
    for number in 0..disk.store.documents() as u32 {
        let Some((id, ..)) = disk.store.document(number) else { continue };
        let (text, metadata) = &contents[id];
        disk.store.carry(number, [text, text, metadata], &mut batch);
    }
    let record = copy.store.record_of(&batch);
    copy.append(&record);
    assert_eq!(copy.contents(), contents);
    assert!(copy.file.len() < disk.file.len());
    let vector = [0.1, 0.2, 0.3, 0.4, 0.5];
    let filter = Filter::Compare {
        field: "length".into(),
        how: Comparison::Greater,
        values: vec![Value::Number(7.0)],
    };
    for filter in [None, Some(&filter)] {
        for text in [None, Some("bananas and apricots")] {
            let search = Search { vector: Some(&vector), text, most: 5, weight: 0.5, filter };
            let scores = |all: Vec<(String, Hit)>| -> Vec<(String, f32)> {
                all.into_iter().map(|(id, hit)| (id, hit.score)).collect()
            };
            assert_eq!(scores(copy.search(&search)), scores(disk.search(&search)));
        }
    }
}

#[test]
fn filters_select_documents() {
    let (mut disk, _) = history(Encoding::Float32);
    let filter = Filter::Compare {
        field: "name".into(),
        how: Comparison::Equal,
        values: vec![Value::Text("b".into()), Value::Text("c".into())],
    };
    assert_eq!(disk.store.select(Some(&filter)), ["b"]);
    assert_eq!(disk.store.select(None), ["a", "b"]);
    let vector = axis(3);
    let search =
        Search { vector: Some(&vector), most: 5, filter: Some(&filter), ..Search::default() };
    assert_eq!(disk.found(&search), ["b"]);
}

#[test]
fn rankings_are_fused_by_their_ranks() {
    let mut disk = Disk::new(Encoding::Float32);
    let near = |share: f32| vec![1.0, share, 0.0, 0.0, 0.0];
    disk.put(&[
        ("both", "the red fox", near(0.1)),
        ("vector", "nothing of it", near(0.0)),
        ("word", "a red red fox", axis(4)),
    ]);
    let vector = axis(0);
    let search = |vector, text, weight| Search { vector, text, most: 3, weight, filter: None };
    let (vector, text) = (Some(vector.as_slice()), Some("fox"));
    assert_eq!(disk.found(&search(vector, None, 0.0)), ["vector", "both", "word"]);
    assert_eq!(disk.found(&search(None, text, 0.0)), ["both", "word"]);
    let fused = disk.search(&search(vector, text, 0.5));
    assert_eq!(fused[0].0, "both");
    let (second, third) = (61.0 / 62.0, 61.0 / 63.0);
    let expected = [(1.0 + second) / 2.0, (second + third) / 2.0, 0.5];
    let ids: Vec<&str> = fused.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["both", "word", "vector"]);
    for ((_, hit), expected) in fused.iter().zip(expected) {
        assert!((hit.score - expected).abs() < 1e-6, "{hit:?} {expected}");
    }
    assert_eq!(fused[2].1.keywords, None);
    // Weights at the extremes rank by one of both alone.
    assert_eq!(disk.found(&search(vector, text, 0.0))[0], "vector");
}

#[test]
fn exact_search_agrees_with_floats() {
    let mut random = Random(7);
    for dimensions in [1, 5, 15, 16, 17, 64, 256, 700] {
        for encoding in [Encoding::Int8, Encoding::Float32] {
            let all: Vec<Vec<f32>> = (0..300).map(|_| random.vector(dimensions)).collect();
            let mut vectors = Vectors::new(dimensions, encoding);
            for vector in &all {
                let mut bytes = Vec::new();
                encode(vector, encoding, &mut bytes).unwrap();
                assert_eq!(bytes.len(), encoding.bytes_of(dimensions));
                vectors.push(&bytes);
                let mut row = Vec::new();
                vectors.row(vectors_len(&vectors) - 1, &mut row);
                assert_eq!(row, bytes);
            }
            let query = random.vector(dimensions);
            let prepared = vectors.query(&query).unwrap();
            let tolerance = if encoding == Encoding::Int8 { 0.012 } else { 1e-5 };
            let mut seen = 0;
            vectors.score(
                &prepared,
                |_| true,
                |row, score| {
                    let expected = cosine(&all[row], &query);
                    assert!(
                        (score - expected).abs() < tolerance,
                        "{dimensions} {score} {expected}"
                    );
                    assert_eq!(row, seen);
                    seen += 1;
                },
            );
            assert_eq!(seen, 300);
        }
    }
}

fn vectors_len(vectors: &Vectors) -> usize {
    let query = vectors.query(&vec![1.0; vectors.dimensions()]).unwrap();
    let mut rows = 0;
    vectors.score(&query, |_| true, |_, _| rows += 1);
    rows
}

fn cosine(one: &[f32], other: &[f32]) -> f32 {
    let dot = |one: &[f32], other: &[f32]| -> f64 {
        one.iter().zip(other).map(|(one, other)| f64::from(*one) * f64::from(*other)).sum()
    };
    (dot(one, other) / (dot(one, one) * dot(other, other)).sqrt()) as f32
}

#[test]
fn rows_beyond_one_slab_are_found() {
    let mut vectors = Vectors::new(3, Encoding::Int8);
    for number in 0..10_000 {
        let mut bytes = Vec::new();
        let vector = if number == 9_001 { [0.0, 1.0, 0.0] } else { [1.0, 0.0, 0.0] };
        encode(&vector, Encoding::Int8, &mut bytes).unwrap();
        vectors.push(&bytes);
    }
    let query = vectors.query(&[0.0, 1.0, 0.0]).unwrap();
    let mut best = Best::new(2);
    vectors.score(&query, |_| true, |row, score| best.offer(row as u32, score));
    let best = best.into_sorted();
    assert_eq!((best[0].document, best[1].document), (9_001, 0));
    assert!((best[0].score - 1.0).abs() < 1e-3);
}

#[test]
fn unusual_vectors() {
    let mut out = Vec::new();
    for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let refused = encode(&[1.0, number], Encoding::Int8, &mut out);
        assert!(matches!(refused, Err(Error::Invalid(_))), "{number}");
    }
    // Neither zeros nor the largest numbers produce a non-finite score.
    for vector in [[0.0, 0.0], [f32::MAX, f32::MIN_POSITIVE], [-f32::MAX, f32::MAX]] {
        for encoding in [Encoding::Int8, Encoding::Float32] {
            let mut bytes = Vec::new();
            encode(&vector, encoding, &mut bytes).unwrap();
            let mut vectors = Vectors::new(2, encoding);
            vectors.push(&bytes);
            for query in [[0.0, 0.0], [f32::MAX, f32::MAX]] {
                let query = vectors.query(&query).unwrap();
                vectors.score(
                    &query,
                    |_| true,
                    |_, score| {
                        assert!((-1.001..=1.001).contains(&score), "{score}");
                    },
                );
            }
        }
    }
}

#[test]
fn the_best_are_in_order_and_ties_sort_by_age() {
    let mut random = Random(3);
    for most in [0, 1, 3, 10, 50] {
        let scores: Vec<f32> = (0..40).map(|_| random.below(6) as f32).collect();
        let mut best = Best::new(most);
        (0..).zip(&scores).for_each(|(number, score)| best.offer(number, *score));
        let mut expected: Vec<(u32, f32)> = (0..).zip(scores.iter().copied()).collect();
        expected.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        expected.truncate(most);
        let found: Vec<(u32, f32)> =
            best.into_sorted().into_iter().map(|it| (it.document, it.score)).collect();
        assert_eq!(found, expected);
    }
}

/// Compares random histories with a map, after every step and after reopening the file.
#[test]
fn random_histories_agree_with_a_map() {
    let mut random = Random(11);
    for _ in 0..20 {
        let mut disk = Disk::new(Encoding::Int8);
        let mut twin: BTreeMap<String, String> = BTreeMap::new();
        for step in 0..30 {
            if random.below(3) == 0 {
                let id = format!("d{}", random.below(12));
                disk.delete(&[&id]);
                twin.remove(&id);
            } else {
                let ids: Vec<String> =
                    (0..random.below(4)).map(|_| format!("d{}", random.below(12))).collect();
                let text = format!("text of step {step}");
                let documents: Vec<(&str, &str, Vec<f32>)> = ids
                    .iter()
                    .map(|id| (id.as_str(), text.as_str(), random.vector(DIMENSIONS)))
                    .collect();
                disk.put(&documents);
                twin.extend(ids.into_iter().map(|id| (id, text.clone())));
            }
            if step % 7 == 0 {
                disk = Disk::open(disk.file).unwrap();
            }
            let texts: BTreeMap<String, String> =
                disk.contents().into_iter().map(|(id, (text, _))| (id, text)).collect();
            assert_eq!(texts, twin);
            assert_eq!(disk.store.live() as usize, twin.len());
        }
    }
}
