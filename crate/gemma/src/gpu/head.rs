//! From hidden states to a token: the vocabulary's product, and a choice on the GPU.

use burn::tensor::wgpu::wgpu;
use hybridge_core::Result;

use super::candidates::RESULT;
use super::kernels::{self, Picking};
use super::launcher::{Dispatch, Encoder};
use super::network::Network;
use super::shader::Shape;
use super::upload::Uploader;
use crate::weights::Model;

/// Every way to pick.
const PICKINGS: [Picking; 4] = [
    Picking { keep_many: false, is_masked: false },
    Picking { keep_many: true, is_masked: false },
    Picking { keep_many: false, is_masked: true },
    Picking { keep_many: true, is_masked: true },
];

/// From hidden states to a token.
#[derive(Debug)]
pub(super) struct Head {
    /// After a single token.
    one: Vec<Dispatch>,
    /// After many.
    many: Vec<Dispatch>,
    picks: Vec<(Picking, Vec<Dispatch>)>,
    /// A bit for each token: what may be picked where not all may.
    pub(super) mask: wgpu::Buffer,
    pub(super) logits: wgpu::Buffer,
    pub(super) all_logits: wgpu::Buffer,
    result: wgpu::Buffer,
    /// Two, so that a step can be sent before the last one's result is read.
    stagings: [wgpu::Buffer; 2],
}

impl Head {
    /// Has those kernels compiled that need no weights, while the first of them are read.
    pub(super) fn compile(encoder: &Encoder, vocabulary: usize, shape: Shape) {
        for picking in PICKINGS {
            encoder.kernel(&kernels::slices(vocabulary, picking).0);
            encoder.kernel(&kernels::pick(vocabulary, shape, picking).0);
        }
    }

    pub(super) async fn make(
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
        for shard in own.as_ref().unwrap_or(&embedding) {
            let (planes, ends) = (&shard.planes, (shard.first_row, network.config.soft_cap));
            let io = [network.buffers.exact.normed.clone(), logits.clone()];
            many.push(network.last_product("head", planes, &io, ends, plan.exact()));
            let io = [network.buffers.vectors(rounding).normed.clone(), logits.clone()];
            one.push(network.last_product("head", planes, &io, ends, plan));
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
            let (source, grid) = kernels::slices(vocabulary, picking);
            let kernel = network.encoder.kernel(&source);
            let slice = network.encoder.bind(&kernel, &[&logits, &slices, &mask], grid);
            let (source, grid) = kernels::pick(vocabulary, network.layout.shapes.single, picking);
            let kernel = network.encoder.kernel(&source);
            let buffers = &network.buffers;
            let bound = [&logits, &slices, &buffers.progress, &buffers.tokens, &result, &mask];
            picks.push((picking, vec![slice, network.encoder.bind(&kernel, &bound, grid)]));
        }
        Ok(Self { one, many, picks, mask, logits, all_logits, result, stagings })
    }

    /// The products that follow a pass of so many tokens.
    pub(super) fn products(&self, tokens: u32) -> &[Dispatch] {
        if tokens == 1 { &self.one } else { &self.many }
    }

    /// The dispatches of one way to pick.
    pub(super) fn pick(&self, picking: Picking) -> &[Dispatch] {
        self.picks.iter().find(|it| it.0 == picking).map_or(&[], |it| &it.1)
    }

    /// A mask of as many words as its buffer has. The tokenizer may know fewer tokens than the
    /// network has rows, and those beyond are not allowed.
    pub(super) fn fitted(&self, words: &[u32]) -> Vec<u32> {
        let count = usize::try_from(self.mask.size() / 4).unwrap_or(words.len());
        words.iter().copied().chain(std::iter::repeat(0)).take(count).collect()
    }

    /// What is copied where to be read: one of two places.
    pub(super) fn copy(&self, slot: Slot) -> (&wgpu::Buffer, &wgpu::Buffer) {
        let [first, second] = &self.stagings;
        (&self.result, if slot == Slot::First { first } else { second })
    }
}

/// Which of the two places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    First,
    Second,
}

impl Slot {
    pub(super) fn other(self) -> Self {
        if self == Self::First { Self::Second } else { Self::First }
    }
}
