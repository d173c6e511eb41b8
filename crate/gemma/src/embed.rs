//! Embeds text as a vector, in the form on which EmbeddingGemma was trained.
//!
//! ```text
//! <bos> prefix text <eos> ─► encoder ─► mean ─► dense_2 ─► dense_3 ─► first n ─► length 1
//! ```

use hybridge_core::{Error, Result};

use crate::engine::TextEmbedder;
use crate::tokenizer::{Control, Tokenizer};

/// The purpose of the vector; each has its own prompt prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// A search query.
    Query,
    /// A text to be found.
    Document,
    /// A question that a text answers.
    QuestionAnswering,
    /// A claim that a text supports.
    FactChecking,
    /// A text to be classified.
    Classification,
    /// A text to be grouped with others.
    Clustering,
    /// A text to be compared with another.
    Similarity,
    /// A query for code.
    Code,
    /// A text to be summarised.
    Summarization,
}

impl Task {
    /// All tasks.
    pub const ALL: [Self; 9] = [
        Self::Query,
        Self::Document,
        Self::QuestionAnswering,
        Self::FactChecking,
        Self::Classification,
        Self::Clustering,
        Self::Similarity,
        Self::Code,
        Self::Summarization,
    ];

    /// Returns the public spelling.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Document => "document",
            Self::QuestionAnswering => "question-answering",
            Self::FactChecking => "fact-checking",
            Self::Classification => "classification",
            Self::Clustering => "clustering",
            Self::Similarity => "similarity",
            Self::Code => "code",
            Self::Summarization => "summarization",
        }
    }

    /// Reads the public spelling.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|task| task.name() == name)
    }

    /// Returns the prefix of the text. Only documents have titles.
    #[must_use]
    pub fn prefix(self, title: Option<&str>) -> String {
        let task = match self {
            Self::Document => return format!("title: {} | text: ", title.unwrap_or("none")),
            Self::Query => "search result",
            Self::QuestionAnswering => "question answering",
            Self::FactChecking => "fact checking",
            Self::Classification => "classification",
            Self::Clustering => "clustering",
            Self::Similarity => "sentence similarity",
            Self::Code => "code retrieval",
            Self::Summarization => "summarization",
        };
        format!("task: {task} | query: ")
    }
}

/// Returns the token IDs of a text with its surrounding tokens. A text that is too long is
/// truncated, but keeps the final token.
pub fn tokens(tokenizer: &Tokenizer, text: &str, context: usize) -> Result<Vec<u32>> {
    let mut ids = vec![tokenizer.bos()?];
    tokenizer.encode_into(text, Control::AsText, &mut ids);
    ids.truncate(context.saturating_sub(1).max(1));
    ids.push(tokenizer.eos()?);
    Ok(ids)
}

/// Returns the vector of a text: all values or the first `dimensions`, normalised to length 1.
pub async fn embed(
    encoder: &mut dyn TextEmbedder,
    tokenizer: &Tokenizer,
    text: &str,
    dimensions: Option<usize>,
) -> Result<Vec<f32>> {
    let ids = tokens(tokenizer, text, encoder.config().context)?;
    let vector = encoder.encode(&ids).await?;
    let dimensions = dimensions.unwrap_or(vector.len());
    let first = vector.get(..dimensions).filter(|it| !it.is_empty()).ok_or_else(|| {
        Error::invalid(format!("{dimensions} dimensions of a vector of {}", vector.len()))
    })?;
    normalised(first)
}

fn normalised(vector: &[f32]) -> Result<Vec<f32>> {
    let length = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    if !length.is_finite() || length == 0.0 {
        return Err(
            Error::internal("the model computed a vector of length zero").with_code("NUMERIC")
        );
    }
    #[expect(clippy::cast_possible_truncation, reason = "vectors are f32")]
    Ok(vector.iter().map(|x| (f64::from(*x) / length) as f32).collect())
}
