//! A picture on its way into the engine, in bands of rows: decoded it can be larger than wasm
//! memory.

use std::cell::RefCell;

use hybridge_core::{Error, Result};
use hybridge_gemma::vision::{Budget, Incoming, Prepared, VisionConfig, tokens_of};
use wasm_bindgen::prelude::wasm_bindgen;

/// How a model sees.
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    pub(crate) config: VisionConfig,
    pub(crate) budget: Budget,
}

impl Sight {
    /// The rows of one picture after another as they would be numbered: for counting.
    pub(crate) fn tokens(&self, sides: &[u32]) -> Result<Vec<u32>> {
        let (pairs, _) = sides.as_chunks::<2>();
        let tokens = |[width, height]: &[u32; 2]| {
            let tokens = tokens_of((*width as usize, *height as usize), &self.config, self.budget)?;
            u32::try_from(tokens).map_err(|_| Error::internal("a picture has too many tokens"))
        };
        pairs.iter().map(tokens).collect()
    }
}

/// A picture of which some rows have come.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Picture(RefCell<Incoming>);

impl Picture {
    pub(crate) fn new(size: (usize, usize), sight: &Sight) -> Result<Self> {
        Ok(Self(RefCell::new(Incoming::new(size, &sight.config, sight.budget)?)))
    }

    pub(crate) fn finish(self) -> Result<Prepared> {
        self.0.into_inner().finish()
    }
}

#[wasm_bindgen]
impl Picture {
    /// Takes the next whole rows: four bytes a pixel, of which the last, the transparency, is
    /// dropped.
    pub fn rows(&self, rgba: &[u8]) {
        self.0.borrow_mut().rows(rgba);
    }
}
