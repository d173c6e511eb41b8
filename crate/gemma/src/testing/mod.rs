//! Makes models for tests: a GGUF writer, a small vocabulary with Gemma's layout, and tiny random
//! networks of every encoding and shape. The same call creates the same bytes on every machine, so
//! the results of llama.cpp and `NumPy` can be recorded without the model.

mod adapter;
mod conversations;
mod golden;
mod network;
mod newer;
mod piece_list;
mod random;
mod schemas;
mod synthetic;
mod synthetic_newer;
mod tiny;
mod tower;
mod vocabulary;
mod writer;

pub use adapter::tiny_adapter;
pub use conversations::{Conversations, Trial, Turn, turns_agree_with_cold_starts};
pub use golden::{Golden, Llama, fingerprint, golden};
pub use network::Tiny;
pub use newer::Newer;
pub use piece_list::PieceList;
pub use random::Random;
pub use schemas::random_schema;
pub use synthetic::{Synthetic, SyntheticShape};
pub use synthetic_newer::NewerShape;
pub use tiny::{CHAT_GEMMA_4, FUNCTION_GEMMA, find, tiny_models};
pub use tower::TinyTower;
pub use vocabulary::Vocabulary;
pub use writer::{Entry, Writer};
