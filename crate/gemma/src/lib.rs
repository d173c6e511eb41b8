//! Gemma, quantised, on burn.
//!
//! A file is opened over byte ranges ([`source`], [`gguf`]) and described ([`config`],
//! [`weights`]); a forward pass ([`engine`]: scalar, burn, kernels or [`cpu`]) runs it. A request
//! is converted to token IDs ([`template`], [`tokenizer`]), from which an answer ([`generate`]) or
//! a vector ([`embed`]) is computed. Everything runs natively and is independent of JavaScript.
#![recursion_limit = "256"]

#[cfg(feature = "gpu")]
pub mod burn;
pub mod cache;
pub mod constrain;
pub mod cpu;
pub mod embed;
pub mod engine;
pub mod generate;
pub mod gguf;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod network;
pub mod quant;
pub mod sample;
pub mod scalar;
pub mod source;
pub mod stop;
pub mod template;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod tokenizer;
pub mod tools;
pub mod vision;

pub use network::{adapter, config, weights};

pub use config::Config;
pub use engine::{Pass, TextEmbedder};
pub use tokenizer::Tokenizer;
pub use weights::Model;
