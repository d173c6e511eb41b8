//! The pass that people use: packed weights, few dispatches, one submission a token.

use burn::tensor::wgpu::wgpu;
use futures::future::LocalBoxFuture;
use hybridge_core::{Error, Result};

use super::Device;
use super::candidates::{Candidates, RESULT, only_best, suffice};
use super::kernels::{self, Shapes, to_u32};
use super::launcher::{Counters, Dispatch, Launcher as _, Progress};
use super::network::{Layout, Network};
use super::upload::Uploader;
use crate::config::{Architecture, Config, Span};
use crate::engine::{Pass, check_tokens, kept_after_rewind, nothing_pending};
use crate::sample::{Choice, Draw, choose};
use crate::weights::Model;

/// How far a ring can be rewound after it has wrapped.
const SLACK: usize = 64;

/// How the kernels are laid out. The defaults are for people, the rest for tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Tokens of one pass; long prompts take several. 0 is the default.
    pub chunk: usize,
    /// Whether to use the kernels for CPU adapters; by default where the adapter is one.
    pub software: Option<bool>,
    /// Bytes that one binding may have, where less than the adapter's own limit.
    pub binding_limit: Option<u64>,
}

impl Options {
    pub(super) fn shapes(&self, device: &Device) -> Shapes {
        let software = self.software.unwrap_or(device.facts().software);
        if software { Shapes::SOFTWARE } else { Shapes::HARDWARE }
    }
}

/// Gemma by kernels.
#[derive(Debug)]
pub struct KernelPass {
    network: Network,
    head: Head,
    /// Everything on the GPU, to be freed.
    buffers: Vec<wgpu::Buffer>,
    position: usize,
    pending: Pending,
    /// What the GPU's own record says, so that nothing is written that it knows already.
    known: Known,
}

/// How far the logits of the last pass have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pending {
    Nothing,
    /// Hidden states of so many tokens.
    Hidden(u32),
    Logits,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Known {
    progress: Option<Progress>,
    token: Option<u32>,
}

/// From hidden states to a token.
#[derive(Debug)]
struct Head {
    products: Vec<Dispatch>,
    pick_one: Vec<Dispatch>,
    pick_many: Vec<Dispatch>,
    logits: wgpu::Buffer,
    all_logits: wgpu::Buffer,
    result: wgpu::Buffer,
    staging: wgpu::Buffer,
}

impl KernelPass {
    /// Streams a model's weights to the GPU, with a cache for `capacity` tokens.
    ///
    /// # Errors
    /// `FAILED_PRECONDITION` with code `OUT_OF_MEMORY`, and whatever reading the model says.
    pub async fn load(
        device: &Device,
        model: &Model,
        capacity: usize,
        options: Options,
    ) -> Result<Self> {
        if model.config.architecture != Architecture::Gemma3 {
            return Err(Error::precondition(
                "this model turns text into vectors, it does not write",
            )
            .with_code("MODEL_ARCHITECTURE"));
        }
        let capacity = capacity.max(1);
        let shapes = options.shapes(device);
        // On a CPU adapter a chunk takes long, and a caller stops between chunks.
        let usual = if shapes == Shapes::SOFTWARE { 16 } else { 64 };
        let chunk = if options.chunk == 0 { usual } else { options.chunk }.min(capacity);
        let ring = model.config.window.map_or(capacity, |window| {
            // A chunk's keys are put before its queries look: the first one still sees its window.
            capacity.min(window + chunk.max(SLACK))
        });
        let layout = Layout { shapes, capacity, ring, chunk, both_ways: false };
        let mut uploader = Uploader::new(device.clone(), options.binding_limit);
        let mut network = Network::load(device, &mut uploader, model, layout).await?;
        let head = Head::make(&mut network, &mut uploader, model).await?;
        device.idle().await?;
        Ok(Self {
            network,
            head,
            buffers: uploader.finish(),
            position: 0,
            pending: Pending::Nothing,
            known: Known::default(),
        })
    }

    /// What has been asked of the GPU since loading.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.network.encoder.counters()
    }

    /// Bytes that stand on the GPU.
    #[must_use]
    pub fn gpu_bytes(&self) -> u64 {
        self.buffers.iter().map(wgpu::Buffer::size).sum()
    }

    /// Frees everything on the GPU at once; dropping leaves that to the garbage collector.
    pub fn dispose(self) {
        for buffer in &self.buffers {
            buffer.destroy();
        }
    }

    /// Tells the GPU what it does not know of the next pass.
    fn announce(&mut self, tokens: &[u32]) {
        let Network { encoder, buffers, .. } = &self.network;
        let progress = Progress { position: to_u32(self.position), tokens: to_u32(tokens.len()) };
        if self.known.progress != Some(progress) {
            let words = [progress.position, progress.tokens, 0, 0];
            encoder.write(&buffers.progress, 0, &bytes_of(&words));
        }
        if tokens.len() != 1 || self.known.token != tokens.first().copied() {
            encoder.write(&buffers.tokens, 0, &bytes_of(tokens));
        }
        self.known = Known { progress: Some(progress), token: tokens.first().copied() };
    }

    fn body(&self, tokens: usize) -> &[Dispatch] {
        if tokens == 1 { &self.network.one } else { &self.network.many }
    }

    async fn feed(&mut self, tokens: &[u32]) -> Result<()> {
        check_tokens(self, tokens)?;
        for chunk in tokens.chunks(self.network.layout.chunk) {
            self.announce(chunk);
            let progress =
                Progress { position: to_u32(self.position), tokens: to_u32(chunk.len()) };
            self.network.encoder.run(&[self.body(chunk.len())], progress, None);
            self.position += chunk.len();
            self.pending = Pending::Hidden(progress.tokens);
            if self.position % (4 * self.network.layout.chunk) < chunk.len() {
                // Let the caller stop, and the queue not grow without bound.
                self.network.encoder.device().idle().await?;
            }
        }
        self.network.encoder.device().check()
    }

    /// Sends what is left to do for a choice, and reads the result.
    async fn pick(&mut self, before: &[u32], has_many: bool) -> Result<Candidates> {
        let progress = match (before, self.pending) {
            ([], Pending::Nothing) => return Err(nothing_pending()),
            ([], Pending::Hidden(tokens)) => {
                Progress { position: to_u32(self.position) - tokens, tokens }
            }
            ([], Pending::Logits) => {
                self.known.progress.unwrap_or(Progress { position: 0, tokens: 1 })
            }
            (tokens, _) => {
                self.announce(tokens);
                Progress { position: to_u32(self.position), tokens: to_u32(tokens.len()) }
            }
        };
        let pick = if has_many { &self.head.pick_many } else { &self.head.pick_one };
        let mut lists: Vec<&[Dispatch]> = Vec::new();
        if !before.is_empty() {
            lists.push(self.body(before.len()));
        }
        if !before.is_empty() || self.pending != Pending::Logits {
            lists.push(&self.head.products);
        }
        lists.push(pick);
        let copy = Some((&self.head.result, &self.head.staging));
        self.network.encoder.run(&lists, progress, copy);
        self.position += before.len();
        self.pending = Pending::Logits;
        // The kernel moved the record on by itself.
        let moved = Progress { position: progress.position + progress.tokens, tokens: 1 };
        self.known = Known { progress: Some(moved), token: None };
        let bytes = self.network.encoder.read(&self.head.staging).await?;
        let candidates = Candidates::read(&bytes, has_many)?;
        self.known.token = Some(candidates.token);
        Ok(candidates)
    }

    async fn read_logits(&mut self) -> Result<Vec<f32>> {
        let (lists, progress): (Vec<&[Dispatch]>, _) = match self.pending {
            Pending::Nothing => return Err(nothing_pending()),
            Pending::Hidden(tokens) => (
                vec![&self.head.products],
                Progress { position: to_u32(self.position) - tokens, tokens },
            ),
            Pending::Logits => (Vec::new(), Progress { position: 0, tokens: 1 }),
        };
        let copy = Some((&self.head.logits, &self.head.all_logits));
        self.network.encoder.run(&lists, progress, copy);
        self.pending = Pending::Logits;
        let bytes = self.network.encoder.read(&self.head.all_logits).await?;
        let words = bytes.as_chunks::<4>().0.iter();
        Ok(words
            .take(self.network.config.vocabulary)
            .map(|word| f32::from_le_bytes(*word))
            .collect())
    }

    async fn choose_after(&mut self, before: &[u32], draw: &Draw) -> Result<Choice> {
        check_tokens(self, before)?;
        if suffice(draw, self.network.config.vocabulary) {
            return self.pick(before, !only_best(draw)).await?.choose(draw);
        }
        if !before.is_empty() {
            self.feed(before).await?;
        }
        choose(&self.read_logits().await?, draw)
    }
}

impl Pass for KernelPass {
    fn config(&self) -> &Config {
        &self.network.config
    }

    fn adapter(&self) -> String {
        self.network.encoder.device().facts().name.clone()
    }

    fn chunk(&self) -> usize {
        self.network.layout.chunk
    }

    fn capacity(&self) -> usize {
        self.network.layout.capacity
    }

    fn position(&self) -> usize {
        self.position
    }

    fn rewind(&mut self, length: usize) -> usize {
        let has_local = self.config().layers.iter().any(|layer| layer.span == Span::Local);
        let window = self.config().window.filter(|_| has_local);
        self.position = kept_after_rewind(length, self.position, window, self.network.layout.ring);
        self.pending = Pending::Nothing;
        self.position
    }

    fn prefill<'a>(&'a mut self, tokens: &'a [u32]) -> LocalBoxFuture<'a, Result<()>> {
        Box::pin(self.feed(tokens))
    }

    fn logits(&mut self) -> LocalBoxFuture<'_, Result<Vec<f32>>> {
        Box::pin(self.read_logits())
    }

    fn choose<'a>(&'a mut self, draw: &'a Draw) -> LocalBoxFuture<'a, Result<Choice>> {
        Box::pin(self.choose_after(&[], draw))
    }

    fn step<'a>(&'a mut self, token: u32, draw: &'a Draw) -> LocalBoxFuture<'a, Result<Choice>> {
        Box::pin(async move { self.choose_after(&[token], draw).await })
    }
}

impl Head {
    async fn make(network: &mut Network, uploader: &mut Uploader, model: &Model) -> Result<Self> {
        let vocabulary = network.config.vocabulary;
        let logits = uploader.values("logits", vocabulary).await?;
        let own = match &model.tensors.output {
            Some(tensor) => Some(uploader.shards(model, tensor).await?),
            None => None,
        };
        let io = [network.buffers.normed.clone(), logits.clone()];
        let embedding = std::mem::take(&mut network.embedding);
        let mut products = Vec::new();
        for shard in own.as_ref().unwrap_or(&embedding) {
            let ends = (shard.first_row, network.config.soft_cap);
            products.push(network.last_product("head", &shard.planes, &io, ends).await?);
        }
        let (count, _) = kernels::slicing(vocabulary);
        let slices = uploader.values("slices", 4 * count).await?;
        let result = uploader.values("result", RESULT / 4).await?;
        let mapped = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let staging = uploader.buffer("result to read", RESULT as u64, mapped).await?;
        let all_logits = uploader.buffer("logits to read", logits.size(), mapped).await?;
        let (source, grid) = kernels::slices(vocabulary);
        let kernel = network.encoder.kernel(&source).await?;
        let slice = network.encoder.bind(&kernel, &[&logits, &slices], grid);
        let mut picks = Vec::new();
        for keep_many in [false, true] {
            let (source, grid) = kernels::pick(vocabulary, network.layout.shapes.single, keep_many);
            let kernel = network.encoder.kernel(&source).await?;
            let buffers = &network.buffers;
            let bound = [&logits, &slices, &buffers.progress, &buffers.tokens, &result];
            let pick = network.encoder.bind(&kernel, &bound, grid);
            picks.push(vec![slice.clone(), pick]);
        }
        let (pick_many, pick_one) =
            (picks.pop().unwrap_or_default(), picks.pop().unwrap_or_default());
        Ok(Self { products, pick_one, pick_many, logits, all_logits, result, staging })
    }
}

fn bytes_of(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}
