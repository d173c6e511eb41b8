//! Computes a token from hidden states: the product with the vocabulary, and a choice on the GPU.

use burn::tensor::wgpu::wgpu;
use hybridge_core::Result;

use crate::gpu::device::launcher::{Dispatch, Recorder};
use crate::gpu::kernels::upload::Uploader;
use crate::gpu::kernels::{self, Picking, Shapes};
use crate::gpu::pass::candidates::RESULT;
use crate::gpu::pass::entry::Entry;
use crate::gpu::pass::network::Network;
use crate::weights::Model;

/// All variants of picking.
const PICKINGS: [Picking; 4] = [
    Picking { keep_many: false, is_masked: false },
    Picking { keep_many: true, is_masked: false },
    Picking { keep_many: false, is_masked: true },
    Picking { keep_many: true, is_masked: true },
];

/// Computes a token from hidden states.
#[derive(Debug)]
pub(crate) struct Head {
    /// After a single token.
    one: Vec<Dispatch>,
    /// After many.
    many: Vec<Dispatch>,
    picks: Vec<(Picking, Vec<Dispatch>)>,
    /// The mask: a bit for each token, if not all are allowed.
    pub(crate) mask: wgpu::Buffer,
    pub(crate) logits: wgpu::Buffer,
    pub(crate) all_logits: wgpu::Buffer,
    result: wgpu::Buffer,
    /// Two, so that a step can be submitted before the previous result is read.
    stagings: [wgpu::Buffer; 2],
}

impl Head {
    /// Starts compiling the kernels that need no weights, while the first weights are read.
    pub(crate) fn compile(recorder: &Recorder, vocabulary: usize, shapes: Shapes) {
        for picking in PICKINGS {
            recorder.kernel(&kernels::slices(vocabulary, shapes.slice, picking).0);
            recorder.kernel(&kernels::pick(vocabulary, shapes.single, picking).0);
        }
    }

    pub(crate) async fn make(
        network: &mut Network,
        uploader: &mut Uploader,
        model: &Model,
    ) -> Result<Self> {
        let vocabulary = network.config.vocabulary;
        let logits = uploader.values("logits", vocabulary)?;
        let own = match &model.tensors.output {
            Some(tensor) => Some(uploader.shards(model, tensor).await?),
            None => None,
        };
        let embedding = std::mem::take(&mut network.embedding);
        let rounding = network.rounding_for(&[model.tensors.head()]);
        let plan = network.layout.plan;
        let (mut one, mut many) = (Vec::new(), Vec::new());
        let shards = own.as_ref().unwrap_or(&embedding);
        let stored = Entry::stored(network.buffers.exact.normed.clone());
        let normed = network.buffers.vectors(rounding).normed.clone();
        let entry = match shards.first() {
            Some(first) => network.last_entry(&first.planes, normed, uploader)?,
            None => Entry::stored(normed),
        };
        for shard in shards {
            let (planes, ends) = (&shard.planes, (shard.first_row, network.config.soft_cap));
            many.push(network.last_product("head", planes, (&stored, &logits), ends, plan.exact()));
            one.push(network.last_product("head", planes, (&entry, &logits), ends, plan));
        }
        if let Some(dispatch) = network.suppression(uploader, &logits)? {
            many.push(dispatch.clone());
            one.push(dispatch);
        }
        let (count, _) = kernels::slicing(vocabulary);
        let slices = uploader.values("slices", 4 * count)?;
        let result = uploader.values("result", RESULT / 4)?;
        let mapped = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let stagings = [
            uploader.buffer("result to read", RESULT as u64, mapped)?,
            uploader.buffer("next result to read", RESULT as u64, mapped)?,
        ];
        let all_logits = uploader.buffer("logits to read", logits.size(), mapped)?;
        let mask = uploader.values("mask", vocabulary.div_ceil(32))?;
        let mut picks = Vec::new();
        for picking in PICKINGS {
            let shapes = network.layout.shapes;
            let (source, grid) = kernels::slices(vocabulary, shapes.slice, picking);
            let kernel = network.recorder.kernel(&source);
            let slice = network.recorder.bind(&kernel, &[&logits, &slices, &mask], grid);
            let (source, grid) = kernels::pick(vocabulary, shapes.single, picking);
            let kernel = network.recorder.kernel(&source);
            let buffers = &network.buffers;
            let bound = [&logits, &slices, &buffers.progress, &buffers.tokens, &result, &mask];
            picks.push((picking, vec![slice, network.recorder.bind(&kernel, &bound, grid)]));
        }
        Ok(Self { one, many, picks, mask, logits, all_logits, result, stagings })
    }

    /// Returns the products that follow a pass of this many tokens.
    pub(crate) fn products(&self, tokens: u32) -> &[Dispatch] {
        if tokens == 1 { &self.one } else { &self.many }
    }

    /// Returns the dispatches after a pass of rows of a picture, of which even a single one is not
    /// rounded.
    pub(crate) fn after_rows(&self) -> &[Dispatch] {
        &self.many
    }

    /// Returns the dispatches of one variant of picking.
    pub(crate) fn pick(&self, picking: Picking) -> &[Dispatch] {
        self.picks.iter().find(|it| it.0 == picking).map_or(&[], |it| &it.1)
    }

    /// Returns a mask with as many words as its buffer. The tokenizer may have fewer tokens than
    /// the network has rows, and the others are not allowed.
    pub(crate) fn fitted(&self, words: &[u32]) -> Vec<u32> {
        let count = usize::try_from(self.mask.size() / 4).unwrap_or(words.len());
        words.iter().copied().chain(std::iter::repeat(0)).take(count).collect()
    }

    /// Returns the copy into one of the two readable buffers.
    pub(crate) fn copy(&self, slot: Slot) -> (&wgpu::Buffer, &wgpu::Buffer) {
        let [first, second] = &self.stagings;
        (&self.result, if slot == Slot::First { first } else { second })
    }
}

/// Which of the two buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    First,
    Second,
}

impl Slot {
    pub(crate) fn other(self) -> Self {
        if self == Self::First { Self::Second } else { Self::First }
    }
}
