//! Prefill on the GPU, in chunks of tokens.

use hybridge_core::Result;

use super::{KernelPass, bytes_of};
use crate::config::PictureSight;
use crate::engine::{FIRST_ROW, Pass as _, check_rows, check_tokens, reads_no_pictures};
use crate::gpu::device::launcher::{Launcher as _, Progress};
use crate::gpu::kernels::to_u32;
use crate::gpu::pass::network::Network;
use crate::gpu::pass::pending::{Known, Pending};

impl KernelPass {
    /// Feeds tokens, one submission at a time.
    pub(super) async fn feed(&mut self, tokens: &[u32]) -> Result<()> {
        check_tokens(self, tokens)?;
        self.abandon();
        let mut rest = tokens;
        while !rest.is_empty() {
            let (chunk, others) = rest.split_at(self.pace.tokens().min(rest.len()));
            rest = others;
            let start = self.pace.now();
            self.read(chunk).await?;
            self.pace.took_since(start, chunk.len());
        }
        self.network.recorder.device().check()
    }

    /// Feeds rows of a picture: all at once if they attend to each other.
    pub(super) async fn feed_rows(&mut self, ids: &[u32], rows: &[f32]) -> Result<()> {
        check_rows(self, ids, rows, self.network.layout.chunk)?;
        if self.network.seeing.is_empty() {
            return Err(reads_no_pictures());
        }
        self.abandon();
        let width = self.network.config.width;
        let is_cut = self.network.config.picture_sight() == PictureSight::Behind;
        let step = if is_cut { self.pace.tokens() } else { self.network.layout.chunk };
        for (ids, rows) in ids.chunks(step).zip(rows.chunks(step * width)) {
            // If layers have their own inputs, rows get those of the padding token.
            self.network.fetch(&vec![0; ids.len()]).await?;
            let progress = self.begin(ids);
            self.known.progress = None;
            self.network.put_rows(rows);
            let Network { seeing, .. } = &self.network;
            self.network.send(seeing, progress, &mut self.pace, true).await?;
            self.known.progress = Some(progress);
            self.moved_by(ids, Pending::Rows(progress.tokens));
        }
        self.network.recorder.device().check()
    }

    /// Whether the last token is a row of a picture, which cannot be fed again from here.
    pub(super) fn ends_in_a_picture(&self) -> bool {
        self.tokens().last().is_some_and(|id| *id >= FIRST_ROW)
    }

    /// Feeds one token as in decoding: in one submission, without waiting.
    pub(super) async fn feed_one(&mut self, token: u32) -> Result<()> {
        self.network.fetch(&[token]).await?;
        let progress = self.begin(&[token]);
        self.network.recorder.run(&[&self.network.one], progress, &[]);
        self.moved_by(&[token], Pending::Hidden(1));
        Ok(())
    }

    async fn read(&mut self, chunk: &[u32]) -> Result<()> {
        self.network.fetch(chunk).await?;
        let progress = self.begin(chunk);
        // A prompt may have been aborted during a dispatch, when the record fits no other list.
        self.known.progress = None;
        let Network { one, many, .. } = &self.network;
        let is_single = chunk.len() == 1;
        let list = if is_single { one } else { many };
        // A single token is followed by a choice, which waits itself.
        self.network.send(list, progress, &mut self.pace, !is_single).await?;
        self.known.progress = Some(progress);
        self.moved_by(chunk, Pending::Hidden(progress.tokens));
        Ok(())
    }

    fn begin(&mut self, chunk: &[u32]) -> Progress {
        // From here on rings contain some of this chunk, even if the future is dropped.
        self.cache.make_way(chunk.len());
        self.announce(chunk);
        self.pending = Pending::Nothing;
        Progress { position: to_u32(self.position()), tokens: to_u32(chunk.len()) }
    }

    /// Writes to the GPU what changed since the last pass.
    pub(in crate::gpu) fn announce(&mut self, tokens: &[u32]) {
        let progress = Progress { position: to_u32(self.position()), tokens: to_u32(tokens.len()) };
        if self.known.progress != Some(progress) {
            self.network.place(progress, 0);
        }
        let token = tokens.first().copied();
        if tokens.len() != 1 || self.known.token != token {
            let Network { recorder, buffers, .. } = &self.network;
            recorder.write(&buffers.tokens, 0, &bytes_of(tokens));
        }
        self.known = Known { progress: Some(progress), token };
    }
}
