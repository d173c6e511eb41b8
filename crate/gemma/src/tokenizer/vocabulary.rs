//! The tokens of a file, with corrections for quirks of converters.

use hybridge_core::{Error, Result, Status};

use super::index::Index;
use super::merges::Merges;
use crate::gguf::{Gguf, List, Strings, Value};
use crate::tools::{function_gemma, gemma4};

/// The kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Created by merges.
    Normal,
    /// Represents text without a token.
    Unknown,
    /// Structure, never text.
    Control,
    /// Text that is always one token.
    UserDefined,
    /// Reserved.
    Unused,
    /// One byte of UTF-8.
    Byte,
}

impl Kind {
    fn of(id: i64) -> Self {
        match id {
            2 => Self::Unknown,
            3 => Self::Control,
            4 => Self::UserDefined,
            5 => Self::Unused,
            6 => Self::Byte,
            _ => Self::Normal,
        }
    }
}

/// The tokens by ID.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    pieces: Strings,
    scores: Vec<f32>,
    /// Merges listed in the file, which replace the scores.
    merges: Option<Merges>,
    kinds: Vec<Kind>,
    /// Tokens that text can become: normal, user-defined and unused ones.
    ///
    /// llama.cpp searches all tokens, so a user's `<eos>` can be merged into the control token if
    /// the vocabulary contains the intermediate steps.
    texts: Index,
    controls: Index,
    bytes: Vec<Option<u32>>,
    bos: Option<u32>,
    eos: Option<u32>,
    unknown: Option<u32>,
    eot: Option<u32>,
}

/// Tokens treated as control tokens, whatever their type in the file: in some official files the
/// turn markers are normal tokens, which a user could type.
const ALWAYS_CONTROL: [&str; 34] = [
    "<pad>",
    "<bos>",
    "<eos>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<start_of_image>",
    "<end_of_image>",
    "<image_soft_token>",
    "<start_function_declaration>",
    "<end_function_declaration>",
    "<start_function_call>",
    "<end_function_call>",
    "<start_function_response>",
    "<end_function_response>",
    "<escape>",
    // Gemma 4's. In its files the markers of calls and thoughts are user-defined, so that programs
    // print them.
    "<|turn>",
    "<turn|>",
    "<|tool>",
    "<tool|>",
    "<|tool_call>",
    "<tool_call|>",
    "<|tool_response>",
    "<tool_response|>",
    "<|\"|>",
    "<|think|>",
    "<|channel>",
    "<channel|>",
    "<|image>",
    "<image|>",
    "<|image|>",
    "<|audio>",
    "<audio|>",
    "<|audio|>",
    "<|video|>",
];

/// The IDs of Gemma's runs of newlines, spaces and tabs, and of its tags.
const RUNS_AND_TAGS: std::ops::RangeInclusive<usize> = 107..=237;
const MULTIMODAL: usize = 5;

impl Vocabulary {
    pub(super) fn read(gguf: &Gguf) -> Result<Self> {
        let value = |key: &str| gguf.value(&format!("tokenizer.ggml.{key}"));
        let has_merges = match value("model").and_then(Value::as_text) {
            Some("llama") => false,
            Some("gemma4") => true,
            Some(other) => {
                return Err(Error::new(
                    Status::Unimplemented,
                    format!("the tokenizer {other} is not supported, only llama and gemma4"),
                )
                .with_code("TOKENIZER_UNSUPPORTED"));
            }
            None => return Err(missing("model")),
        };
        let Some(List::Texts(pieces)) = value("tokens").and_then(Value::as_list) else {
            return Err(missing("tokens"));
        };
        let count = pieces.len();
        let scores = match value("scores").and_then(Value::as_list) {
            #[expect(clippy::cast_possible_truncation, reason = "scores are f32 in the file")]
            Some(List::Floats(scores)) => scores.iter().map(|score| *score as f32).collect(),
            None => vec![0.0; count],
            Some(_) => return Err(wrong("scores", "are not numbers")),
        };
        let kinds: Vec<Kind> = match value("token_type").and_then(Value::as_list) {
            Some(List::Integers(kinds)) => kinds.iter().copied().map(Kind::of).collect(),
            None => vec![Kind::Normal; count],
            Some(_) => return Err(wrong("token_type", "are not integers")),
        };
        if scores.iter().any(|score| !score.is_finite()) {
            return Err(wrong("scores", "holds a score that is not a finite number"));
        }
        if scores.len() != count || kinds.len() != count || u32::try_from(count).is_err() {
            return Err(wrong("scores or token_type", "are not as many as the tokens"));
        }
        let id = |key: &str| {
            let id = value(&format!("{key}_token_id")).and_then(Value::as_usize);
            id.filter(|id| *id < count).and_then(|id| u32::try_from(id).ok())
        };
        let (bos, eos) = (id("bos"), id("eos"));
        let (unknown, eot) = (id("unknown"), id("eot"));
        let (pieces, kinds) = settle(pieces.clone(), kinds)?;
        let mut vocabulary = Self::build(pieces, scores, kinds, [bos, eos, unknown, eot]);
        if has_merges {
            let Some(List::Texts(lines)) = value("merges").and_then(Value::as_list) else {
                return Err(missing("merges"));
            };
            let merges = Merges::read(lines, &vocabulary.pieces, &vocabulary.texts)?;
            vocabulary.merges = Some(merges);
        }
        Ok(vocabulary)
    }

    fn build(
        pieces: Strings,
        scores: Vec<f32>,
        kinds: Vec<Kind>,
        [bos, eos, unknown, eot]: [Option<u32>; 4],
    ) -> Self {
        let of = |id: u32| kinds.get(id as usize).copied();
        let texts = Index::new(&pieces, |id| {
            matches!(of(id), Some(Kind::Normal | Kind::UserDefined | Kind::Unused))
        });
        let controls =
            Index::new(&pieces, |id| matches!(of(id), Some(Kind::Control | Kind::Unknown)));
        let mut bytes = vec![None; 256];
        for ((id, piece), kind) in (0..).zip(pieces.iter()).zip(&kinds) {
            let byte = byte_of(piece).filter(|_| *kind == Kind::Byte);
            if let Some(slot) = byte.and_then(|byte| bytes.get_mut(usize::from(byte))) {
                *slot = Some(id);
            }
        }
        let by_text = |text| controls.get(&pieces, text);
        let (bos, eos) = (bos.or_else(|| by_text("<bos>")), eos.or_else(|| by_text("<eos>")));
        let merges = None;
        Self { pieces, scores, merges, kinds, texts, controls, bytes, bos, eos, unknown, eot }
    }

    /// Returns the number of tokens.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Whether the vocabulary is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Returns the text of a token, as stored in the file.
    #[must_use]
    pub fn piece(&self, id: u32) -> Option<&str> {
        self.pieces.get(id as usize)
    }

    /// Returns the kind of a token.
    #[must_use]
    pub fn kind(&self, id: u32) -> Option<Kind> {
        self.kinds.get(id as usize).copied()
    }

    /// Returns all tokens with their kinds.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &str, Kind)> {
        let pairs = self.pieces.iter().zip(self.kinds.iter().copied());
        (0..).zip(pairs).map(|(id, (piece, kind))| (id, piece, kind))
    }

    /// Whether the file lists its merges.
    pub(super) fn has_merges(&self) -> bool {
        self.merges.is_some()
    }

    /// Returns the token that two adjacent symbols form, and its priority, the highest first.
    /// `text` is both together.
    pub(super) fn merged(
        &self,
        left: Option<u32>,
        right: Option<u32>,
        text: &str,
    ) -> Option<(u32, f32)> {
        let Some(merges) = &self.merges else {
            let id = self.text(text)?;
            return Some((id, self.scores.get(id as usize).copied()?));
        };
        let rank = merges.rank(left?, right?)?;
        #[expect(clippy::cast_precision_loss, reason = "ranks are below 2^24")]
        self.text(text).map(|id| (id, -(rank as f32)))
    }

    /// Returns the token that a text can become.
    pub(super) fn text(&self, text: &str) -> Option<u32> {
        self.texts.get(&self.pieces, text)
    }

    pub(super) fn control(&self, text: &str) -> Option<u32> {
        self.controls.get(&self.pieces, text)
    }

    /// Returns the token of a byte, or the unknown token.
    pub(super) fn byte(&self, byte: u8) -> Option<u32> {
        self.bytes.get(usize::from(byte)).copied().flatten().or(self.unknown)
    }

    pub(super) fn bos(&self) -> Option<u32> {
        self.bos
    }

    pub(super) fn eos(&self) -> Option<u32> {
        self.eos
    }

    /// Found by key and by text: some files declare the end of a turn as the end of the text, and
    /// models with tools wait for results after a token of its own.
    pub(super) fn stop_ids(&self) -> Vec<u32> {
        // A fine-tuned model that does not end its turn begins the next one.
        let turns = ["<end_of_turn>", "<start_of_turn>", gemma4::TURN[1], gemma4::TURN[0]];
        let by_text = ["<eos>", function_gemma::WAITS, gemma4::WAITS].into_iter().chain(turns);
        let by_text = by_text.map(|text| self.control(text));
        let mut ids: Vec<u32> = by_text.chain([self.eos, self.eot]).flatten().collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

/// Returns the byte of a token like `<0x0A>`.
pub(crate) fn byte_of(piece: &str) -> Option<u8> {
    let digits = piece.strip_prefix("<0x")?.strip_suffix('>')?;
    if digits.len() == 2 { u8::from_str_radix(digits, 16).ok() } else { None }
}

/// Whether this is a reserved token like `<unused12>`, which occurs in no text and is not shown.
fn is_reserved(piece: &str) -> bool {
    let number = piece.strip_prefix("<unused").and_then(|rest| rest.strip_suffix('>'));
    number.is_some_and(|it| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Corrects types that converters get wrong.
fn settle(pieces: Strings, mut kinds: Vec<Kind>) -> Result<(Strings, Vec<Kind>)> {
    for (piece, kind) in pieces.iter().zip(&mut kinds) {
        let is_text = matches!(kind, Kind::Normal | Kind::UserDefined | Kind::Unused);
        if is_text && (ALWAYS_CONTROL.contains(&piece) || is_reserved(piece)) {
            *kind = Kind::Control;
        }
    }
    if !lost_user_defined(&pieces, &kinds) {
        return Ok((pieces, kinds));
    }
    let mut settled = Strings::default();
    for (id, (piece, kind)) in pieces.iter().zip(&mut kinds).enumerate() {
        let is_lost = id == MULTIMODAL || RUNS_AND_TAGS.contains(&id);
        let fits = if is_lost && *kind == Kind::Normal {
            *kind = Kind::UserDefined;
            settled.push(&piece.replace('▁', " "))
        } else {
            settled.push(piece)
        };
        if !fits {
            return Err(wrong("tokens", "are too long"));
        }
    }
    Ok((settled, kinds))
}

/// Whether this is Gemma's layout as written by ollama: runs and tags as normal tokens, with ▁.
fn lost_user_defined(pieces: &Strings, kinds: &[Kind]) -> bool {
    let layout = [(105, "<start_of_turn>"), (106, "<end_of_turn>"), (107, "\n"), (108, "\n\n")];
    layout.iter().all(|(id, text)| pieces.get(*id) == Some(text))
        && !kinds.contains(&Kind::UserDefined)
}

fn missing(key: &str) -> Error {
    Error::invalid(format!("the metadata key tokenizer.ggml.{key} is missing"))
        .with_code("TOKENIZER_MISSING")
}

pub(super) fn wrong(key: &str, what: &str) -> Error {
    Error::invalid(format!("the metadata under tokenizer.ggml.{key} {what}"))
        .with_code("TOKENIZER_INVALID")
}
