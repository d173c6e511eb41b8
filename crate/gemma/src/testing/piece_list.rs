//! Vocabularies without a tokenizer, for the grammar of answers.

use std::borrow::Cow;

use crate::constrain::Vocabulary;

/// A vocabulary as a list. The last token is the end.
#[derive(Debug)]
pub struct PieceList {
    pieces: Vec<Vec<u8>>,
    ends: Vec<u32>,
}

impl PieceList {
    /// Creates a vocabulary of these tokens and the end.
    #[must_use]
    pub fn new(mut pieces: Vec<Vec<u8>>) -> Self {
        pieces.push(Vec::new());
        let ends = vec![u32::try_from(pieces.len() - 1).unwrap_or(u32::MAX)];
        Self { pieces, ends }
    }

    /// Creates a vocabulary of the 256 bytes, in which every text has exactly one tokenization.
    #[must_use]
    pub fn bytes() -> Self {
        Self::new((0..=u8::MAX).map(|byte| vec![byte]).collect())
    }

    /// Creates a vocabulary of bytes and of tokens like those of a real one: words, runs, half
    /// characters, ends and beginnings of JSON.
    #[must_use]
    pub fn mixed() -> Self {
        Self::new(mixed())
    }

    /// The same, extended to this many tokens including the end.
    pub fn mixed_up_to(size: usize, mut another: impl FnMut() -> Vec<u8>) -> Self {
        let mut pieces = mixed();
        while pieces.len() + 1 < size {
            pieces.push(another());
        }
        Self::new(pieces)
    }
}

fn mixed() -> Vec<Vec<u8>> {
    let mut pieces: Vec<Vec<u8>> = (0..=u8::MAX).map(|byte| vec![byte]).collect();
    let words = "name value true false null a b c the item list 12 2024 -1 0. .5 e9 1e Straße 日本 é ñandú 😀 ∑x ok yes no";
    let joints = "{\" \": \":\" \", \",\" \"} \"] [\" ]} }} ], }, \":[ \":{ \": [ \",\n \"\\ \\n \\u00 \\\" {} [] [[ ]] -0 00 T1 Z\" @a. ://";
    for word in words.split(' ').chain(joints.split(' ')) {
        pieces.push(word.as_bytes().to_vec());
        pieces.push(format!(" {word}").into_bytes());
    }
    for run in [
        "\n  ",
        "\n    ",
        ",\n  \"",
        "{\n  \"",
        "  ",
        "    ",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "\t",
        "\u{2028}",
    ] {
        pieces.push(run.as_bytes().to_vec());
    }
    for half in [
        &[0xE6_u8, 0x97][..],
        &[0xA5, b'"'],
        &[0xF0, 0x9F],
        &[0x98, 0x80],
        &[0xED, 0xA0],
        &[0xC0, 0x80],
        &[0xF4, 0x90],
    ] {
        pieces.push(half.to_vec());
    }
    pieces
}

impl Vocabulary for PieceList {
    fn len(&self) -> usize {
        self.pieces.len()
    }

    fn bytes(&self, id: u32) -> Option<Cow<'_, [u8]>> {
        self.pieces
            .get(id as usize)
            .filter(|piece| !piece.is_empty())
            .map(|piece| Cow::Borrowed(piece.as_slice()))
    }

    fn ends(&self) -> &[u32] {
        &self.ends
    }
}
