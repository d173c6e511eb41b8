//! Passes a picture to the engine in bands of rows, because a decoded one can exceed wasm memory.

use std::cell::RefCell;

use hybridge_core::{Error, Result};
use hybridge_gemma::vision::{Budget, Incoming, Prepared, VisionConfig, tokens_of};
use wasm_bindgen::prelude::wasm_bindgen;

/// How a model processes pictures.
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    pub(crate) config: VisionConfig,
    pub(crate) budget: Budget,
}

impl Sight {
    /// The token IDs of pictures one after another, for counting.
    pub(crate) fn tokens(&self, sides: &[u32]) -> Result<Vec<u32>> {
        let (pairs, _) = sides.as_chunks::<2>();
        let tokens = |[width, height]: &[u32; 2]| {
            let tokens = tokens_of((*width as usize, *height as usize), &self.config, self.budget)?;
            u32::try_from(tokens).map_err(|_| Error::internal("a picture has too many tokens"))
        };
        pairs.iter().map(tokens).collect()
    }
}

/// A picture whose rows are arriving.
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
    /// Takes the next complete rows: four bytes per pixel, of which the alpha channel is dropped.
    pub fn rows(&self, rgba: &[u8]) {
        self.0.borrow_mut().rows(rgba);
    }
}
