//! A vocabulary with Gemma's layout, whose merges are learned from a paragraph.

use std::collections::{BTreeMap, HashSet};

use super::writer::{Entry, Writer};
use crate::template::marks_of_pictures;
use crate::tools::Dialect;
use crate::tools::function_gemma::CONTROLS;
use crate::tools::gemma4::PIECES;

/// Tokens with their scores and types, by ID.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    /// The texts of tokens.
    pub pieces: Vec<String>,
    /// Scores: higher ones merge first.
    pub scores: Vec<f32>,
    /// 1 normal, 2 unknown, 3 control, 4 user-defined, 6 byte.
    pub types: Vec<i32>,
    /// Merged pairs, in order. Gemma 4's files list them.
    merges: Vec<[String; 2]>,
    has_merges: bool,
}

/// The text from which merges are learned. Every letter and digit occurs.
const PARAGRAPH: &str = "The quick brown fox jumps over the lazy dog, and the dog sleeps on. \
    What is the capital of France? The capital of France is Paris; it has 2145906 people. \
    fn main() { println!(\"hello world\"); } is a program that prints hello world. \
    When the weather is fine, they walk through the garden and talk about the weather. \
    3 + 4 = 7, 8 * 9 = 72, 60 / 5 = 12. Über die Straße gehen; café, naïve, señor. 日本語のテキスト。";

const TAGS: [&str; 24] = [
    "<table>",
    "</table>",
    "<caption>",
    "</caption>",
    "<thead>",
    "</thead>",
    "<tbody>",
    "</tbody>",
    "<tr>",
    "</tr>",
    "<th>",
    "</th>",
    "<td>",
    "</td>",
    "<h1>",
    "</h1>",
    "<ul>",
    "</ul>",
    "<li>",
    "</li>",
    "<b>",
    "</b>",
    "<code>",
    "</code>",
];

impl Vocabulary {
    /// Creates a vocabulary of exactly `size` tokens, at least 700: 494 with Gemma's IDs, the
    /// characters of the paragraph, its merges, and filler.
    #[must_use]
    pub fn new(size: usize) -> Self {
        let mut it = Self {
            pieces: Vec::new(),
            scores: Vec::new(),
            types: Vec::new(),
            merges: Vec::new(),
            has_merges: false,
        };
        it.fixed();
        // A word begins with its space, as in Gemma's tokens.
        let mut words: Vec<Vec<String>> = Vec::new();
        for c in PARAGRAPH.chars() {
            match words.last_mut() {
                Some(word) if c != ' ' => word.push(c.to_string()),
                _ => words.push(vec![escape(c).to_string()]),
            }
        }
        let mut characters: Vec<String> = words.concat();
        characters.sort();
        characters.dedup();
        for character in characters {
            it.normal(character);
        }
        while it.pieces.len() < size {
            let Some(pair) = merge_once(&mut words) else { break };
            it.normal(pair.concat());
            it.merges.push(pair);
        }
        while it.pieces.len() < size {
            it.normal(format!("⟨{}⟩", it.pieces.len()));
        }
        it
    }

    /// Returns the vocabulary in the form of this dialect.
    #[must_use]
    pub fn of(self, dialect: Dialect) -> Self {
        match dialect {
            Dialect::JsonCall => self,
            Dialect::FunctionGemma => self.with_tool_pieces(),
            Dialect::Gemma4 => self.of_gemma_4(),
        }
    }

    /// The same with FunctionGemma's seven tokens, at the IDs of its files.
    #[must_use]
    pub fn with_tool_pieces(mut self) -> Self {
        for (piece, name) in self.pieces.iter_mut().skip(46).zip(CONTROLS) {
            name.clone_into(piece);
        }
        self
    }

    /// The same in Gemma 4's layout: its markers with the types of its files, runs and tags as
    /// normal tokens, listed merges, and scores that would merge in another order.
    #[must_use]
    pub fn of_gemma_4(mut self) -> Self {
        for ((piece, kind), score) in
            self.pieces.iter_mut().zip(&mut self.types).zip(&mut self.scores)
        {
            if *kind == 4 && piece.as_str() != "[multimodal]" {
                (*piece, *kind, *score) = (piece.replace(' ', "▁"), 1, 0.0);
            }
            *score = -*score;
        }
        for (id, name) in PIECES {
            let is_control = matches!(id, 46 | 47 | 98 | 105 | 106);
            self.place(id, name, if is_control { 3 } else { 4 });
        }
        // A text that occurs twice, and a token that crosses the end of a run of newlines.
        let last = u32::try_from(self.pieces.len() - 1).unwrap_or(0);
        self.place(last, "the", 1);
        self.place(last - 1, ".\n", 1);
        self.merges.insert(0, [".", "\n"].map(str::to_owned));
        for mark in ["\n", "\t", "▁"] {
            for length in (2..32).rev() {
                let half = length / 2;
                for split in [half, 1] {
                    self.merges.insert(0, [length - split, split].map(|count| mark.repeat(count)));
                }
            }
        }
        self.has_merges = true;
        self
    }

    /// The same with the markers around pictures, at the IDs of models that support them.
    #[must_use]
    pub fn with_picture_marks(mut self, dialect: Dialect) -> Self {
        for (id, mark) in (60..).zip(marks_of_pictures(dialect)) {
            self.place(id, mark, 3);
        }
        self
    }

    fn place(&mut self, id: u32, piece: &str, kind: i32) {
        let at = id as usize;
        if let (Some(text), Some(type_id)) = (self.pieces.get_mut(at), self.types.get_mut(at)) {
            (*text, *type_id) = (piece.to_owned(), kind);
        }
    }

    /// Returns the merges whose parts and result exist, each once.
    fn listed(&self) -> Vec<String> {
        let known: HashSet<&str> = self.pieces.iter().map(String::as_str).collect();
        let mut seen = HashSet::new();
        let is_known = |pair: &&[String; 2]| {
            let both = pair.concat();
            [&pair[0], &pair[1], &both].iter().all(|piece| known.contains(piece.as_str()))
        };
        let lines = self.merges.iter().filter(is_known).map(|pair| pair.join(" "));
        lines.filter(|line| seen.insert(line.clone())).collect()
    }

    /// Writes the tokenizer's keys.
    pub fn write(&self, writer: &mut Writer) {
        let model = if self.has_merges { "gemma4" } else { "llama" };
        writer.set("tokenizer.ggml.model", Entry::Text(model.to_owned()));
        if self.has_merges {
            writer.set("tokenizer.ggml.merges", Entry::Texts(self.listed()));
        }
        writer.set("tokenizer.ggml.tokens", Entry::Texts(self.pieces.clone()));
        writer.set("tokenizer.ggml.scores", Entry::Floats(self.scores.clone()));
        writer.set("tokenizer.ggml.token_type", Entry::Integers(self.types.clone()));
        for (key, id) in [("bos", 2), ("eos", 1), ("unknown", 3), ("padding", 0)] {
            writer.set(&format!("tokenizer.ggml.{key}_token_id"), Entry::U32(id));
        }
        for (key, flag) in [("add_bos_token", true), ("add_eos_token", false)] {
            writer.set(&format!("tokenizer.ggml.{key}"), Entry::Bool(flag));
        }
        writer.set("tokenizer.ggml.add_space_prefix", Entry::Bool(false));
    }

    fn fixed(&mut self) {
        for (piece, kind) in [("<pad>", 3), ("<eos>", 3), ("<bos>", 3), ("<unk>", 2)] {
            self.push(piece, kind);
        }
        self.push("<mask>", 4);
        self.push("[multimodal]", 4);
        for number in 0..99 {
            self.push(&format!("<unused{number}>"), 3);
        }
        self.push("<start_of_turn>", 3);
        self.push("<end_of_turn>", 3);
        for length in 1..32 {
            self.push(&"\n".repeat(length), 4);
        }
        for length in 2..32 {
            self.push(&" ".repeat(length), 4);
        }
        for length in 1..5 {
            self.push(&"\t".repeat(length), 4);
        }
        for tag in TAGS {
            self.push(tag, 4);
        }
        for number in self.pieces.len()..238 {
            self.push(&format!("<tag{number}>"), 4);
        }
        for byte in 0..256 {
            self.push(&format!("<0x{byte:02X}>"), 6);
        }
    }

    fn push(&mut self, piece: &str, kind: i32) {
        self.pieces.push(piece.to_owned());
        self.scores.push(if kind == 4 { -1000.0 } else { 0.0 });
        self.types.push(kind);
    }

    #[expect(clippy::cast_precision_loss, reason = "a few thousand pieces")]
    fn normal(&mut self, piece: String) {
        self.scores.push(-(self.pieces.len() as f32));
        self.pieces.push(piece);
        self.types.push(1);
    }
}

fn escape(c: char) -> char {
    if c == ' ' { '▁' } else { c }
}

/// Merges the most frequent pair everywhere; of equally frequent ones the first in text order.
fn merge_once(words: &mut [Vec<String>]) -> Option<[String; 2]> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for word in words.iter() {
        for pair in word.windows(2) {
            if let [left, right] = pair {
                *counts.entry((left, right)).or_default() += 1;
            }
        }
    }
    let most = counts.values().copied().max()?;
    let (left, right) = counts.iter().find(|(_, count)| **count == most).map(|(pair, _)| *pair)?;
    let (left, right) = (left.to_owned(), right.to_owned());
    for word in words.iter_mut() {
        let mut merged: Vec<String> = Vec::new();
        let mut joined = false;
        for symbol in word.drain(..) {
            match merged.last_mut() {
                Some(last) if !joined && *last == left && symbol == right => {
                    last.push_str(&symbol);
                    joined = true;
                }
                _ => {
                    merged.push(symbol);
                    joined = false;
                }
            }
        }
        *word = merged;
    }
    Some([left, right])
}
