//! A loaded model, owned by `worker.ts`.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

use hybridge_core::device::{Place, Wish};
use hybridge_core::{Error, Request, Result};
use hybridge_gemma as gemma;
use hybridge_gemma::adapter::Adapter;
use hybridge_gemma::embed::{Task, embed};
use hybridge_gemma::generate::sees_nothing;
use hybridge_gemma::generate::{Progress, Session};
use hybridge_gemma::source::Source;
use hybridge_gemma::template::{Form, render_with};
use hybridge_gemma::vision::{Budget, Gallery, VisionModel, attach};
use hybridge_gemma::{TextEmbedder, Tokenizer};
use js_sys::{Array, Float32Array, Function};
use serde::{Deserialize, Serialize};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::backend::{self, Backend};
use crate::boundary::{count, number, parse, thrown, told};
use crate::generation::{Generation, Shared};
use crate::gpu::{OpenGpu, tower_loader};
use crate::picture::{Picture, Sight};
use crate::platform::{BlobSource, turn};
use crate::watched::{Meter, Report};

/// The options of a load.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Options {
    /// Context window: prompt and answer together.
    pub(crate) context_window: usize,
    /// The requested device.
    pub(crate) device: Wish,
    /// Whether activations may be rounded if that is faster.
    pub(crate) precision: Precision,
    /// The purpose of the model.
    pub(crate) kind: Kind,
    /// The form in which conversations are rendered.
    #[serde(default)]
    pub(crate) template: Form,
    /// The maximum number of tokens of a picture, for models with variable picture sizes.
    #[serde(default)]
    pub(crate) image_tokens: Option<usize>,
    /// The strength of each adapter.
    #[serde(default)]
    pub(crate) adapter_scales: Vec<f32>,
    /// Whether this adapter passed an earlier self-test.
    #[cfg(feature = "gpu")]
    #[serde(default)]
    pub(crate) gpu_is_right: Option<bool>,
    /// The worker's findings about the GPU from before it fetched this file of the engine.
    #[cfg(not(feature = "gpu"))]
    #[serde(default)]
    pub(crate) gpu: SeenGpu,
    /// The kernels that were the fastest on this adapter before; otherwise they are tuned again.
    #[cfg(feature = "gpu")]
    #[serde(default)]
    pub(crate) gpu_plan: String,
}

/// `SeenGpu` of `engine-file.ts`.
#[cfg(not(feature = "gpu"))]
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SeenGpu {
    pub(crate) available: bool,
    pub(crate) software: bool,
    pub(crate) reason: Option<String>,
    pub(crate) is_right: Option<bool>,
}

/// Whether activations may be rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Precision {
    /// Activations are never rounded.
    Exact,
    /// Activations are rounded if that is faster.
    Fast,
}

impl From<Precision> for hybridge_gemma::cpu::Precision {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::Exact => Self::Exact,
            Precision::Fast => Self::Fast,
        }
    }
}

/// The purpose of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Kind {
    /// Text generation.
    Generator,
    /// Embedding of texts.
    Embedder,
}

/// The loaded model.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Facts {
    device: Place,
    #[serde(skip_serializing_if = "Option::is_none")]
    adapter: Option<String>,
    context_window: usize,
    architecture: &'static str,
    /// Whether the file has a chat template; a base model has none.
    has_template: bool,
    /// Whether texts are continued as they are, without turns.
    is_raw: bool,
    /// Set if the GPU was found to compute wrong results.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    gpu_is_wrong: bool,
    /// The kernels that a GPU decodes with, and how many were tried to find them.
    #[serde(flatten)]
    choice: Option<GpuChoice>,
}

/// The fastest kernels.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GpuChoice {
    pub(crate) gpu_plan: String,
    pub(crate) gpu_plans_tried: usize,
}

/// Measures for about 100 ms how many bytes of weights the CPU processes per second.
#[wasm_bindgen]
pub fn cpu_rate(precision: &str) -> Result<f64, JsValue> {
    let rate = || Ok(number(backend::rate(parse::<Precision>(precision)?.into())?));
    rate().map_err(|error| thrown(&error))
}

/// The options of an embedding.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Embedding {
    text: String,
    #[serde(default)]
    task: Option<String>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    dimensions: Option<usize>,
}

/// A loaded model.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Model {
    runner: Runner,
    tokenizer: Rc<Tokenizer>,
    facts: Facts,
    /// The vision tower, if there is one.
    sight: Option<Sight>,
    /// The last field, so that it is dropped after everything that runs on it.
    _gpu: Option<OpenGpu>,
}

#[derive(Debug)]
enum Runner {
    Generator(Shared),
    Embedder(RefCell<Option<Box<dyn TextEmbedder>>>),
}

fn no_blob() -> Error {
    Error::internal("a model's source is not a Blob")
}

fn sources_of(blobs: &Array) -> Result<Vec<Rc<dyn Source>>> {
    blobs
        .iter()
        .map(|blob| BlobSource::of(blob).map(|source| Rc::new(source) as Rc<dyn Source>))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(no_blob)
}

async fn read_adapters(blobs: &Array, scales: &[f32]) -> Result<Vec<Adapter>> {
    let mut adapters = Vec::new();
    for (blobs, scale) in blobs.iter().zip(scales) {
        let adapter = Adapter::open(sources_of(&Array::from(&blobs))?).await?;
        adapters.push(adapter.scaled(*scale)?);
    }
    Ok(adapters)
}

#[wasm_bindgen]
impl Model {
    /// Loads a model from the blobs of its files and, optionally, of its vision tower and of each
    /// adapter; calls `progress(phase, loaded, total)` on the way.
    pub async fn load(
        blobs: Array,
        mmproj: Array,
        adapters: Array,
        options: String,
        progress: Function,
    ) -> Result<Self, JsValue> {
        let report: Report = Rc::new(move |phase, loaded, total| {
            // An exception in the listener does not affect the load.
            let _ = progress.call3(
                &JsValue::NULL,
                &phase.into(),
                &number(loaded).into(),
                &number(total).into(),
            );
        });
        Self::open(&blobs, &mmproj, &adapters, &options, &report)
            .await
            .map_err(|error| thrown(&error))
    }

    /// Refuses an unsuitable model by the first bytes of its file and its size, before the rest is
    /// downloaded.
    pub async fn admit(head: Vec<u8>, size: f64, options: String) -> Result<(), JsValue> {
        let admitted = async { backend::admit(&head, count(size), &parse(&options)?).await };
        admitted.await.map_err(|error| thrown(&error))
    }

    /// Returns the properties of the loaded model, as JSON.
    pub fn facts(&self) -> String {
        told(&self.facts)
    }

    /// Counts the tokens of a request's prompt; `sides` are width and height of each picture in it.
    pub fn count(&self, request: &str, sides: &[u32]) -> Result<f64, JsValue> {
        self.tokens(request, sides)
            .map(|tokens| number(tokens as u64))
            .map_err(|error| thrown(&error))
    }

    /// Creates a picture of this size for a request; its rows follow.
    pub fn picture(&self, width: f64, height: f64) -> Result<Picture, JsValue> {
        self.expect_picture(width, height).map_err(|error| thrown(&error))
    }

    /// Starts an answer; nothing runs before it is pulled. `pictures` belong to the request's media
    /// parts, in order. `seed` is used if the request has none. `report` receives the finished
    /// share of the work on each picture, from 0 to 1.
    pub fn start(
        &self,
        request: &str,
        pictures: Vec<Picture>,
        seed: f64,
        report: Option<Function>,
    ) -> Result<Generation, JsValue> {
        self.begin(request, pictures, count(seed), report).map_err(|error| thrown(&error))
    }

    /// Embeds one text as a vector of length 1; `task` is JSON.
    pub async fn embed(&self, wish: String) -> Result<Float32Array, JsValue> {
        let vector = self.vector(&wish).await.map_err(|error| thrown(&error))?;
        Ok(Float32Array::from(vector.as_slice()))
    }
}

impl Model {
    async fn open(
        blobs: &Array,
        mmproj: &Array,
        adapters: &Array,
        options: &str,
        report: &Report,
    ) -> Result<Self> {
        let options: Options = parse(options)?;
        let meter = Meter::new(report.clone());
        let sources = blobs
            .iter()
            .map(|blob| BlobSource::of(blob).map(|source| meter.watch(source)))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(no_blob)?;
        // Loaded with the first picture, not with the model.
        let towers = sources_of(mmproj)?;
        let adapters = read_adapters(adapters, &options.adapter_scales).await?;
        let mut model = gemma::Model::open_adapted(sources, &adapters).await?;
        let tokenizer = Rc::new(Tokenizer::read(model.gguf())?.in_form(options.template));
        let budget = options.image_tokens.map_or(Ok(Budget::USUAL), Budget::new)?;
        let mut vision = None;
        if !towers.is_empty() {
            let opened = VisionModel::open(towers).await?;
            model = attach(model, &opened.config, budget, Some(&tokenizer))?;
            vision = Some(opened);
        }
        let opened = backend::open(&model, vision.as_ref(), &options, report).await?;
        let sight = vision.as_ref().map(|it| Sight { config: it.config.clone(), budget });
        let facts = Facts {
            device: opened.place,
            adapter: opened.adapter,
            context_window: opened.context_window,
            architecture: model.config.architecture.name(),
            has_template: tokenizer.style().has_template,
            is_raw: tokenizer.is_raw(),
            gpu_is_wrong: opened.gpu_is_wrong,
            choice: opened.choice,
        };
        let runner = match opened.backend {
            Backend::Generator(pass) => {
                let mut session = Session::new(pass, Some(tokenizer.clone()));
                if let Some(vision) = vision {
                    let load = tower_loader(opened.gpu.as_ref());
                    session = session.with_gallery(Gallery::new(vision, budget, load));
                }
                Runner::Generator(Shared::new(session))
            }
            Backend::Embedder(encoder) => Runner::Embedder(RefCell::new(Some(encoder))),
        };
        Ok(Self { runner, tokenizer, facts, sight, _gpu: opened.gpu })
    }

    fn tokens(&self, request: &str, sides: &[u32]) -> Result<usize> {
        let tokens = self.sight.as_ref().map_or(Ok(Vec::new()), |sight| sight.tokens(sides))?;
        // Any token IDs will do for counting.
        let rows: Vec<Range<u32>> = tokens.into_iter().map(|tokens| 0..tokens).collect();
        Ok(render_with(&self.tokenizer, &Request::parse(request)?, &[], &rows)?.len())
    }

    fn expect_picture(&self, width: f64, height: f64) -> Result<Picture> {
        let sight = self.sight.as_ref().ok_or_else(sees_nothing)?;
        let side = |side: f64| usize::try_from(count(side)).unwrap_or(usize::MAX);
        Picture::new((side(width), side(height)), sight)
    }

    fn begin(
        &self,
        request: &str,
        pictures: Vec<Picture>,
        seed: u64,
        report: Option<Function>,
    ) -> Result<Generation> {
        let Runner::Generator(session) = &self.runner else {
            return Err(Error::invalid("an embedding model does not generate text"));
        };
        let request = Request::parse(request)?;
        let pictures = pictures.into_iter().map(Picture::finish).collect::<Result<Vec<_>>>()?;
        let (prompt, mut options) = session.with(|session| {
            let shown = pictures.into_iter().map(|picture| session.show_prepared(picture));
            let shown = shown.collect::<Result<Vec<_>>>()?;
            Ok((session.prompt_with(&request, shown)?, session.options(&request, seed)?))
        })?;
        options.progress = report.map(|report| {
            Progress::new(move |share| {
                // An exception of the listener does not affect the answer.
                let _ = report.call1(&JsValue::NULL, &f64::from(share).into());
            })
        });
        Ok(Generation::new(session.clone(), prompt, options))
    }

    async fn vector(&self, wish: &str) -> Result<Vec<f32>> {
        let Runner::Embedder(slot) = &self.runner else {
            return Err(Error::invalid(
                "this model generates text; load an embedding model for vectors",
            ));
        };
        let Embedding { text, task, title, dimensions } = parse(wish)?;
        let text = match task.as_deref().map(Task::parse) {
            None => text,
            Some(Some(task)) => task.prefix(title.as_deref()) + &text,
            Some(None) => return Err(Error::invalid("there is no embedding task of this name")),
        };
        // Taken out and put back, so that no borrow outlives the await.
        let mut encoder = slot.borrow_mut().take().ok_or_else(|| {
            Error::precondition("the engine is busy with another text").with_code("ENGINE_BUSY")
        })?;
        turn().await;
        let vector = embed(&mut *encoder, &self.tokenizer, &text, dimensions).await;
        slot.replace(Some(encoder));
        vector
    }
}
