//! The pictures of a session: the IDs of their rows, and the rows while they are needed.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::ops::Range;
use std::rc::Rc;

use futures::future::LocalBoxFuture;
use hybridge_core::{Error, Result};
use sha2::{Digest as _, Sha256};

use super::{Budget, Picture, PictureEncoder, PictureRows, Prepared, VisionModel};
use crate::engine::FIRST_ROW;

/// Bytes of cached rows, in addition to those needed now: a few pictures.
const KEPT: usize = 12 << 20;

/// Loads a tower's weights.
pub type LoadTower =
    Box<dyn for<'a> Fn(&'a VisionModel) -> LocalBoxFuture<'a, Result<Box<dyn PictureEncoder>>>>;

/// A picture with the IDs of its rows.
#[derive(Clone, Debug)]
pub struct Shown {
    ids: Range<u32>,
    picture: Rc<Prepared>,
}

impl Shown {
    /// One ID for each of its tokens.
    #[must_use]
    pub fn ids(&self) -> Range<u32> {
        self.ids.clone()
    }
}

/// A tower's file with the pictures of the session.
///
/// Equal pixels have equal IDs, so that a sequence with a picture is found in the cache. The
/// weights are in memory only while pictures are encoded.
pub struct Gallery {
    model: VisionModel,
    load: LoadTower,
    budget: Budget,
    /// The first ID of each picture, by the digest of its resized pixels.
    known: HashMap<[u8; 32], u32>,
    next: u32,
    tower: Option<Box<dyn PictureEncoder>>,
    /// The most recent last.
    kept: VecDeque<(u32, Rc<PictureRows>)>,
}

impl fmt::Debug for Gallery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gallery")
            .field("config", &self.model.config)
            .field("pictures", &self.known.len())
            .field("is_loaded", &self.tower.is_some())
            .finish_non_exhaustive()
    }
}

impl Gallery {
    /// Creates a gallery without pictures.
    #[must_use]
    pub fn new(model: VisionModel, budget: Budget, load: LoadTower) -> Self {
        Self {
            model,
            load,
            budget,
            known: HashMap::new(),
            next: FIRST_ROW,
            tower: None,
            kept: VecDeque::new(),
        }
    }

    /// Resizes a picture and assigns IDs to its rows.
    ///
    /// # Errors
    ///
    /// Returns `INVALID_ARGUMENT` with code `PICTURE_INVALID` for an extreme aspect ratio.
    pub fn show(&mut self, picture: &Picture) -> Result<Shown> {
        self.show_prepared(Prepared::new(picture, &self.model.config, self.budget)?)
    }

    /// Assigns IDs to the rows of a picture of the tower's size.
    ///
    /// # Errors
    ///
    /// Only after 2³¹ rows.
    pub fn show_prepared(&mut self, prepared: Prepared) -> Result<Shown> {
        let (width, height) = prepared.size();
        let mut digest = Sha256::new();
        digest.update([width.to_le_bytes(), height.to_le_bytes()].concat());
        digest.update(prepared.pixels());
        let full = || Error::internal("the session has too many pictures");
        let rows = u32::try_from(prepared.tokens(&self.model.config)).map_err(|_| full())?;
        let end = self.next.checked_add(rows).ok_or_else(full)?;
        let first = *self.known.entry(digest.finalize().into()).or_insert(self.next);
        if first == self.next {
            self.next = end;
        }
        Ok(Shown { ids: first..first + rows, picture: Rc::new(prepared) })
    }

    /// Returns the rows of a picture. `report` is called with the progress, from 0 to 1.
    pub(crate) async fn rows(
        &mut self,
        shown: &Shown,
        report: &mut dyn FnMut(f32),
    ) -> Result<Rc<PictureRows>> {
        if let Some((_, rows)) = self.kept.iter().find(|(first, _)| *first == shown.ids.start) {
            return Ok(Rc::clone(rows));
        }
        // Taken out, so that an abort frees it.
        let tower = match self.tower.take() {
            Some(tower) => tower,
            None => (self.load)(&self.model).await?,
        };
        let rows = Rc::new(tower.encode(&shown.picture, report).await?);
        self.tower = Some(tower);
        self.kept.push_back((shown.ids.start, Rc::clone(&rows)));
        let bytes = |kept: &VecDeque<(u32, Rc<PictureRows>)>| -> usize {
            kept.iter().map(|(_, rows)| 4 * rows.values.len()).sum()
        };
        while self.kept.len() > 1 && bytes(&self.kept) > KEPT {
            self.kept.pop_front();
        }
        Ok(rows)
    }

    /// Frees the tower's weights.
    pub(crate) fn free_tower(&mut self) {
        self.tower = None;
    }
}
