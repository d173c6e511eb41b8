//! The pass used in production: packed weights, few dispatches, one submission per token.

mod reading;

use burn::tensor::wgpu::wgpu;
use futures::future::LocalBoxFuture;
use hybridge_core::Result;
use hybridge_core::device::Memory;

use crate::cache::{Cache, PAGE, Reuse, ring_slots};
use crate::config::Config;
use crate::engine::{Pass, check_tokens, nothing_pending};
use crate::gpu::Device;
use crate::gpu::device::launcher::{Counters, Dispatch, Launcher as _, Progress, Recorder};
use crate::gpu::kernels::tiles;
use crate::gpu::kernels::upload::Uploader;
use crate::gpu::kernels::{Picking, Shapes, to_u32};
use crate::gpu::pass::candidates::{Candidates, only_best, suffice};
use crate::gpu::pass::head::{Head, Slot};
use crate::gpu::pass::network::{Layout, Network};
use crate::gpu::pass::options::Options;
use crate::gpu::pass::pace::Pace;
use crate::gpu::pass::pending::{Ahead, Known, Pending};
use crate::gpu::pass::rows::OnGpu;
use crate::sample::{Draw, Sampled, choose};
use crate::weights::Model;

/// Gemma in kernels.
///
/// After a future of [`Pass::prefill`] is dropped, the GPU finishes the last submission, at most a
/// tenth of a second; unfinished tokens count as not fed.
#[derive(Debug)]
pub struct KernelPass {
    pub(crate) network: Network,
    pub(crate) head: Head,
    /// All buffers on the GPU, to be freed.
    buffers: Vec<wgpu::Buffer>,
    weight_bytes: u64,
    pub(crate) cache: Cache<OnGpu>,
    pending: Pending,
    /// Position and token last written to the GPU; equal values are not written again.
    pub(crate) known: Known,
    pace: Pace,
    /// Whether the caller announced another step.
    looks_ahead: bool,
    ahead: Option<Ahead>,
    slot: Slot,
}

impl KernelPass {
    /// Streams a model's weights to the GPU, with a cache for `capacity` tokens.
    ///
    /// # Errors
    ///
    /// Returns `FAILED_PRECONDITION` with code `OUT_OF_MEMORY`, and errors of reading the model.
    pub async fn load(
        device: &Device,
        model: &Model,
        capacity: usize,
        options: Options,
    ) -> Result<Self> {
        model.config.require_text()?;
        let capacity = capacity.max(1);
        let shapes = options.shapes(device);
        let tile = tiles::tokens_of(shapes.tile);
        let most = if shapes == Shapes::SOFTWARE { 64 } else { 256 };
        let chunk = if options.chunk == 0 { most } else { options.chunk }.min(capacity);
        // Submissions are split inside a dispatch if it has enough workgroups, so only a CPU
        // adapter reads fewer tokens at once than its buffers can store.
        let grows = options.chunk == 0 && shapes == Shapes::SOFTWARE;
        let pace = if grows { Pace::new(tile, chunk) } else { Pace::fixed(chunk) };
        let pace = pace.timed(options.clock, options.submission);
        // A picture whose rows attend to each other is processed at once, however long the chunks
        // of texts are.
        let chunk = model.longest_chunk(chunk).min(capacity);
        // A chunk's keys are stored before its attention is computed, so the ring must still
        // contain the first one's window.
        let window = model.config.window();
        let ring = ring_slots(window, chunk.max(PAGE), capacity);
        let plan = options.plan(device);
        // A CPU adapter would compute a vector again for each of its small workgroups.
        let fuses = shapes != Shapes::SOFTWARE;
        let layout = Layout { shapes, plan, capacity, ring, chunk, both_ways: false, fuses };
        let mut uploader =
            Uploader::new(device.clone(), options.binding_limit).empty(options.empty);
        let recorder = Recorder::new(device.clone());
        Head::compile(&recorder, model.config.vocabulary, shapes);
        let mut network = Network::load(recorder, &mut uploader, model, layout).await?;
        let head = Head::make(&mut network, &mut uploader, model).await?;
        device.idle().await?;
        let rows = OnGpu::new(device.clone(), std::mem::take(&mut network.rows));
        let mut cache = Cache::new(rows, window, ring, capacity);
        let weight_bytes = uploader.weight_bytes();
        let buffers = uploader.finish();
        let taken = buffers.iter().map(wgpu::Buffer::size).sum();
        cache.set_budget(options.saved.unwrap_or_else(|| Memory::spare_on_gpu(taken)));
        Ok(Self {
            network,
            cache,
            head,
            weight_bytes,
            buffers,
            pending: Pending::Nothing,
            known: Known::default(),
            pace,
            looks_ahead: false,
            ahead: None,
            slot: Slot::First,
        })
    }

    /// Returns counts of the GPU work since loading.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.network.recorder.counters()
    }

    /// Returns the number of submissions that copied keys and values.
    #[must_use]
    pub fn copies(&self) -> u64 {
        self.cache.store().submits()
    }

    /// Returns the bytes on the GPU.
    #[must_use]
    pub fn gpu_bytes(&self) -> u64 {
        self.buffers.iter().map(wgpu::Buffer::size).sum()
    }

    /// Returns the bytes of weights on the GPU.
    #[must_use]
    pub fn weight_bytes(&self) -> u64 {
        self.weight_bytes
    }

    /// Frees everything on the GPU at once; dropping leaves that to garbage collection.
    pub fn dispose(self) {
        for buffer in &self.buffers {
            buffer.destroy();
        }
    }

    /// Returns the dispatches of a decoded token, in order; with `keep_many` they return the 64
    /// largest logits, otherwise the likeliest token.
    #[cfg(any(test, feature = "testing"))]
    pub(in crate::gpu) fn token(&self, keep_many: bool) -> impl Iterator<Item = &Dispatch> {
        let pick = self.head.pick(Picking { keep_many, is_masked: false });
        [self.body(1), self.head.products(1), pick].into_iter().flatten()
    }

    /// Returns the dispatches and the pace for the first chunk of a prompt.
    #[cfg(any(test, feature = "testing"))]
    pub(in crate::gpu) fn reading(&self) -> (&[Dispatch], Pace) {
        (self.body(2), self.pace)
    }

    fn body(&self, tokens: usize) -> &[Dispatch] {
        if tokens == 1 { &self.network.one } else { &self.network.many }
    }

    fn moved_by(&mut self, tokens: &[u32], pending: Pending) {
        self.cache.push(tokens);
        self.pending = pending;
    }

    /// Discards a step that was submitted early. Its logits have replaced the pending ones.
    fn abandon(&mut self) {
        if self.ahead.take().is_some() {
            self.known = Known::default();
            self.pending = Pending::LogitsOverwritten;
        }
    }

    /// Feeds the last token again if a step that was submitted early replaced its logits.
    fn restore(&mut self) -> Option<u32> {
        self.abandon();
        if self.pending != Pending::LogitsOverwritten {
            return None;
        }
        let last = self.cache.pop()?;
        self.pending = Pending::Nothing;
        Some(last)
    }

    /// Submits the remaining work for a choice, and reads the result.
    async fn pick(&mut self, before: &[u32], draw: &Draw<'_>) -> Result<Candidates> {
        let has_many = !only_best(draw);
        // The mask depends on the previous token.
        let is_plain = !has_many && draw.allowed.is_none();
        let is_sent = is_plain
            && matches!((self.ahead, before), (Some(Ahead { token: Some(sent) }), [token]) if sent == *token);
        let moved = if is_sent {
            self.ahead = None;
            self.moved_by(before, Pending::Logits);
            Progress { position: to_u32(self.position()), tokens: 1 }
        } else {
            let again = if before.is_empty() { self.restore() } else { None };
            self.abandon();
            let before = again.as_ref().map_or(before, std::slice::from_ref);
            self.network.fetch(before).await?;
            self.send(before, draw)?
        };
        self.slot = self.slot.other();
        // The kernel advanced the record by itself.
        self.known = Known { progress: Some(moved), token: None };
        let slot = self.slot;
        // Rows of a token can be read only when its ID is known here.
        let may_go_on = is_plain && !self.network.added.reads_rows() && !self.ends_in_a_picture();
        if self.looks_ahead && may_go_on && self.position() < self.network.layout.capacity {
            self.send_ahead();
        }
        let (_, staging) = self.head.copy(slot);
        let bytes = self.network.recorder.read(staging).await?;
        let candidates = Candidates::read(&bytes, has_many)?;
        match &mut self.ahead {
            Some(ahead) => ahead.token = Some(candidates.token),
            None => self.known.token = Some(candidates.token),
        }
        Ok(candidates)
    }

    /// Submits the products and the choice after these tokens, or after those already fed. Returns
    /// the position in the GPU's record.
    fn send(&mut self, before: &[u32], draw: &Draw<'_>) -> Result<Progress> {
        let picking = Picking { keep_many: !only_best(draw), is_masked: draw.allowed.is_some() };
        let progress = match (before, self.pending) {
            ([], Pending::Nothing | Pending::LogitsOverwritten) => return Err(nothing_pending()),
            ([], Pending::Hidden(tokens) | Pending::Rows(tokens)) => {
                Progress { position: to_u32(self.position()) - tokens, tokens }
            }
            ([], Pending::Logits) => {
                self.known.progress.unwrap_or(Progress { position: 0, tokens: 1 })
            }
            (tokens, _) => {
                self.cache.make_way(tokens.len());
                self.announce(tokens);
                Progress { position: to_u32(self.position()), tokens: to_u32(tokens.len()) }
            }
        };
        if let Some(words) = draw.allowed {
            self.network.recorder.write(&self.head.mask, 0, &bytes_of(&self.head.fitted(words)));
        }
        let mut lists: Vec<&[Dispatch]> = Vec::new();
        if !before.is_empty() {
            lists.push(self.body(before.len()));
        }
        match self.pending {
            Pending::Rows(_) if before.is_empty() => lists.push(self.head.after_rows()),
            Pending::Logits if before.is_empty() => {}
            _ => lists.push(self.head.products(progress.tokens)),
        }
        lists.push(self.head.pick(picking));
        let copy = self.head.copy(self.slot.other());
        self.network.recorder.run(&lists, progress, &[copy]);
        self.moved_by(before, Pending::Logits);
        Ok(Progress { position: progress.position + progress.tokens, tokens: 1 })
    }

    /// Submits the step after the one that is about to be read. Token and position are on the GPU.
    fn send_ahead(&mut self) {
        self.cache.make_way(1);
        let progress = Progress { position: to_u32(self.position()), tokens: 1 };
        let picking = Picking { keep_many: false, is_masked: false };
        let lists = [self.body(1), self.head.products(1), self.head.pick(picking)];
        let copy = self.head.copy(self.slot.other());
        self.network.recorder.run(&lists, progress, &[copy]);
        self.ahead = Some(Ahead { token: None });
    }

    async fn read_logits(&mut self) -> Result<Vec<f32>> {
        if let Some(token) = self.restore() {
            self.feed_one(token).await?;
        }
        let (lists, progress): (Vec<&[Dispatch]>, _) = match self.pending {
            Pending::Nothing | Pending::LogitsOverwritten => return Err(nothing_pending()),
            Pending::Hidden(tokens) => (
                vec![self.head.products(tokens)],
                Progress { position: to_u32(self.position()) - tokens, tokens },
            ),
            Pending::Rows(tokens) => (
                vec![self.head.after_rows()],
                Progress { position: to_u32(self.position()) - tokens, tokens },
            ),
            Pending::Logits => (Vec::new(), Progress { position: 0, tokens: 1 }),
        };
        let copy = (&self.head.logits, &self.head.all_logits);
        self.network.recorder.run(&lists, progress, &[copy]);
        self.pending = Pending::Logits;
        let bytes = self.network.recorder.read(&self.head.all_logits).await?;
        let words = bytes.as_chunks::<4>().0.iter();
        Ok(words
            .take(self.network.config.vocabulary)
            .map(|word| f32::from_le_bytes(*word))
            .collect())
    }

    async fn choose_after(&mut self, before: &[u32], draw: &Draw<'_>) -> Result<Sampled> {
        check_tokens(self, before)?;
        if suffice(draw, self.network.config.vocabulary) {
            return self.pick(before, draw).await?.choose(draw);
        }
        for token in before {
            self.abandon();
            self.feed_one(*token).await?;
        }
        choose(&self.read_logits().await?, draw)
    }
}

impl Pass for KernelPass {
    fn config(&self) -> &Config {
        &self.network.config
    }

    fn adapter(&self) -> String {
        self.network.recorder.device().facts().name.clone()
    }

    fn chunk(&self) -> usize {
        self.pace.tokens()
    }

    fn capacity(&self) -> usize {
        self.network.layout.capacity
    }

    fn tokens(&self) -> &[u32] {
        self.cache.tokens()
    }

    fn resume(&mut self, tokens: &[u32]) -> usize {
        if self.network.recorder.device().take_error() {
            // The error belongs to the previous request: this one loses the cache, but does not
            // fail.
            self.forget();
        }
        self.abandon();
        self.pending = Pending::Nothing;
        self.cache.resume(tokens)
    }

    fn forget(&mut self) {
        self.abandon();
        self.pending = Pending::Nothing;
        self.cache.forget();
    }

    fn set_budget(&mut self, bytes: u64) {
        self.cache.set_budget(bytes);
    }

    fn reuse(&self) -> Reuse {
        self.cache.reuse()
    }

    fn look_ahead(&mut self, wanted: bool) {
        self.looks_ahead = wanted;
    }

    fn prefill<'a>(&'a mut self, tokens: &'a [u32]) -> LocalBoxFuture<'a, Result<()>> {
        Box::pin(self.feed(tokens))
    }

    fn prefill_rows<'a>(
        &'a mut self,
        ids: &'a [u32],
        rows: &'a [f32],
    ) -> LocalBoxFuture<'a, Result<()>> {
        Box::pin(self.feed_rows(ids, rows))
    }

    fn logits(&mut self) -> LocalBoxFuture<'_, Result<Vec<f32>>> {
        Box::pin(self.read_logits())
    }

    fn choose<'a>(&'a mut self, draw: &'a Draw<'a>) -> LocalBoxFuture<'a, Result<Sampled>> {
        Box::pin(self.choose_after(&[], draw))
    }

    fn step<'a>(
        &'a mut self,
        token: u32,
        draw: &'a Draw<'a>,
    ) -> LocalBoxFuture<'a, Result<Sampled>> {
        Box::pin(async move { self.choose_after(&[token], draw).await })
    }
}

fn bytes_of(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}
