//! EmbeddingGemma in kernels: the same layers with bidirectional attention, then a mean and two
//! matrices.

use burn::tensor::wgpu::wgpu;
use futures::future::LocalBoxFuture;
use hybridge_core::{Error, Result};

use crate::config::Config;
use crate::engine::{TextEmbedder, check_vocabulary, context_full};
use crate::gpu::Device;
use crate::gpu::device::launcher::{self, Counters, Dispatch, Launcher as _, Progress};
use crate::gpu::kernels::upload::Uploader;
use crate::gpu::kernels::{self, padded, to_u32};
use crate::gpu::pass::entry::Entry;
use crate::gpu::pass::network::{Layout, Network};
use crate::gpu::pass::options::Options;
use crate::gpu::pass::pace::Pace;
use crate::sample::not_finite;
use crate::weights::{Model, missing_tensor};

/// An embedding model in kernels.
#[derive(Debug)]
pub struct KernelEmbedder {
    network: Network,
    end: Vec<Dispatch>,
    outputs: usize,
    pace: Pace,
    vector: wgpu::Buffer,
    staging: wgpu::Buffer,
    buffers: Vec<wgpu::Buffer>,
}

impl KernelEmbedder {
    /// Streams a model's weights to the GPU, with room for texts of `capacity` tokens.
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
        let dense = model.tensors.dense.as_ref().ok_or_else(|| missing_tensor("dense_2.weight"))?;
        let capacity = capacity.max(1);
        let shapes = options.shapes(device);
        // Attention is bidirectional, so all tokens go in one pass. Only vectors are needed, so no
        // product except the last two is for a single token.
        let plan = options.plan(device).exact();
        let layout = Layout {
            shapes,
            plan,
            capacity,
            ring: capacity,
            chunk: capacity,
            both_ways: true,
            fuses: false,
        };
        let mut uploader = Uploader::new(device.clone(), options.binding_limit);
        let mut network =
            Network::load(launcher::Recorder::new(device.clone()), &mut uploader, model, layout)
                .await?;
        let mean = uploader.values("mean", padded(network.config.width) as usize)?;
        let inner = uploader.values("inner", padded(dense.dense_2.rows) as usize)?;
        let vector = uploader.values("vector", dense.dense_3.rows)?;
        let mapped = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let staging = uploader.buffer("vector to read", vector.size(), mapped)?;
        let (source, grid) = kernels::pool(&network.config);
        let kernel = network.recorder.kernel(&source);
        let bound = [&network.buffers.exact.normed, &mean, &network.buffers.progress];
        let pool = network.recorder.bind(&kernel, &bound, grid);
        let (first, second) = (
            uploader.matrix(model, &dense.dense_2).await?,
            uploader.matrix(model, &dense.dense_3).await?,
        );
        let entry = Entry::stored(mean);
        let one = network.last_product("dense 2", &first, (&entry, &inner), (0, None), plan);
        let entry = Entry::stored(inner);
        let two = network.last_product("dense 3", &second, (&entry, &vector), (0, None), plan);
        device.idle().await?;
        let outputs = dense.dense_3.rows;
        let buffers = uploader.finish();
        let pace = Pace::fixed(capacity).timed(options.clock, options.submission);
        Ok(Self { network, end: vec![pool, one, two], outputs, pace, vector, staging, buffers })
    }

    /// Returns counts of the GPU work since loading.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.network.recorder.counters()
    }

    /// Frees everything on the GPU at once; dropping leaves that to garbage collection.
    pub fn dispose(self) {
        for buffer in &self.buffers {
            buffer.destroy();
        }
    }

    async fn run(&mut self, tokens: &[u32]) -> Result<Vec<f32>> {
        let Network { config, recorder, buffers, layout, many, .. } = &self.network;
        check_vocabulary(config, tokens)?;
        if tokens.is_empty() {
            return Err(Error::invalid("there is nothing to embed"));
        }
        if tokens.len() > layout.capacity {
            return Err(context_full(tokens.len(), layout.capacity));
        }
        let progress = Progress { position: 0, tokens: to_u32(tokens.len()) };
        let bytes: Vec<u8> = tokens.iter().flat_map(|token| token.to_le_bytes()).collect();
        recorder.write(&buffers.tokens, 0, &bytes);
        self.network.place(progress, 0);
        self.network.send(many, progress, &mut self.pace, false).await?;
        let (pool, dense) = self.end.split_at(1);
        recorder.run(&[pool], progress, &[]);
        // One vector is left; products read the last token of a pass.
        self.network.place(Progress { tokens: 1, ..progress }, 0);
        recorder.run(&[dense], progress, &[(&self.vector, &self.staging)]);
        let bytes = recorder.read(&self.staging).await?;
        let words = bytes.as_chunks::<4>().0.iter().take(self.outputs);
        let vector: Vec<f32> = words.map(|word| f32::from_le_bytes(*word)).collect();
        if vector.iter().all(|value| value.is_finite()) { Ok(vector) } else { Err(not_finite()) }
    }
}

impl TextEmbedder for KernelEmbedder {
    fn config(&self) -> &Config {
        &self.network.config
    }

    fn adapter(&self) -> String {
        self.network.recorder.device().facts().name.clone()
    }

    fn encode<'a>(&'a mut self, tokens: &'a [u32]) -> LocalBoxFuture<'a, Result<Vec<f32>>> {
        Box::pin(self.run(tokens))
    }
}
