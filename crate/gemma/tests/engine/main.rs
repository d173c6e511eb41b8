//! The engine without a GPU, in one test program, because linking dominates the time.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests may panic")]

mod adapters;
mod cache;
mod config;
mod constrained;
mod conversations;
mod cpu;
mod embed;
mod gemma4;
mod generate;
mod gguf;
mod oracle;
mod pictures;
mod seeing;
mod template;
mod tokenizer;
mod tool_turns;
mod vision;
