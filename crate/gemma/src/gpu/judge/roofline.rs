//! The cost of a token and of a prompt, from the profiles of a pass's dispatches. Counts are exact;
//! [`Adapter`] turns them into estimates for GPUs that are not available here.

use hybridge_core::Result;

use crate::config::Config;
use crate::gpu::device::launcher::{Dispatch, Progress};
use crate::gpu::kernels::to_u32;
use crate::gpu::pass::pace::Pace;
use crate::gpu::pass::portions::Portions;
use crate::gpu::{Device, KernelPass, Options};
use crate::weights::Model;

/// A dispatch of a decoded token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// The kernel's name.
    pub label: &'static str,
    /// The number of invocations.
    pub invocations: u64,
    /// The number of consecutive loop iterations of one invocation.
    pub steps: u32,
    /// The number of bytes of weights, keys or values that it reads.
    pub bytes: u64,
    /// The number of bytes that all invocations request at once.
    pub in_flight: u64,
    /// The fraction of its lanes that have work.
    pub lanes: f64,
    /// Whether it multiplies a matrix.
    pub is_product: bool,
}

/// The cost of a decoded token.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// The dispatches, in order.
    pub dispatches: Vec<Cost>,
    /// The number of layers of the network.
    pub layers: usize,
}

/// The cost of a prompt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prompt {
    /// The number of kernels started.
    pub dispatches: u64,
    /// The number of submissions whose end is awaited.
    pub waits: u32,
    /// Milliseconds at the assumed rate, without the waits.
    pub milliseconds: f64,
}

/// Creates a pass of any size with empty matrices, quickly, only to count its dispatches.
///
/// # Errors
///
/// Returns errors of loading.
pub async fn empty(
    device: &Device,
    model: &Model,
    capacity: usize,
    options: Options,
) -> Result<KernelPass> {
    KernelPass::load(device, model, capacity, Options { empty: true, ..options }).await
}

/// Returns the text of each kernel of a sampled token, named by its purpose.
#[must_use]
pub fn kernels(device: &Device, pass: &KernelPass) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for dispatch in pass.token(true) {
        let Some(text) = device.kernels().text_of(dispatch) else { continue };
        if all.iter().all(|(_, known)| *known != text) {
            let alike = all.iter().filter(|(name, _)| name.starts_with(dispatch.label())).count();
            let number = if alike == 0 { String::new() } else { format!(" {}", alike + 1) };
            all.push((format!("{}{number}", dispatch.label()), text));
        }
    }
    all
}

impl Token {
    /// Returns the cost of a token at this position; with `keep_many` of a sampled one.
    #[must_use]
    pub fn of(pass: &KernelPass, position: u32, keep_many: bool) -> Self {
        let progress = Progress { position, tokens: 1 };
        let dispatches = pass.token(keep_many).map(|it| Cost::of(it, progress)).collect();
        Self { dispatches, layers: layers(pass) }
    }

    /// Returns the number of bytes read.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.dispatches.iter().map(|it| it.bytes).sum()
    }

    /// Returns each kind of dispatch once, and how often it occurs.
    #[must_use]
    pub fn kinds(&self) -> Vec<(Cost, usize)> {
        let mut kinds: Vec<(Cost, usize)> = Vec::new();
        for cost in &self.dispatches {
            match kinds.iter_mut().find(|(known, _)| known == cost) {
                Some((_, times)) => *times += 1,
                None => kinds.push((*cost, 1)),
            }
        }
        kinds
    }
}

impl Cost {
    fn of(dispatch: &Dispatch, progress: Progress) -> Self {
        let (profile, seen) = (dispatch.profile(), progress.position + progress.tokens);
        let invocations = dispatch.invocations(progress);
        let [used, all] = profile.lanes;
        Self {
            label: dispatch.label(),
            invocations,
            steps: profile.steps_at(seen),
            bytes: profile.bytes_at(seen),
            in_flight: invocations * u64::from(profile.in_flight),
            lanes: f64::from(used) / f64::from(all.max(1)),
            is_product: profile.is_product,
        }
    }
}

impl Prompt {
    /// Returns the costs of a first prompt of `tokens` tokens and of a second one, paced as in a
    /// real pass.
    #[must_use]
    pub fn of(pass: &KernelPass, tokens: usize, adapter: &Adapter) -> [Self; 2] {
        let (list, mut pace) = pass.reading();
        [(); 2].map(|()| Self::paced(list, &mut pace, tokens, adapter))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds, of which the first digits matter"
    )]
    fn paced(list: &[Dispatch], pace: &mut Pace, tokens: usize, adapter: &Adapter) -> Self {
        let (rate, overhead) = (adapter.rate * 1e9, adapter.round_trip);
        let mut all = Self { dispatches: 0, waits: 0, milliseconds: 0.0 };
        let mut read = 0;
        while read < tokens {
            let chunk = pace.tokens().min(tokens - read);
            let progress = Progress { position: to_u32(read), tokens: to_u32(chunk) };
            let mut portions =
                Portions::of(list.iter().map(|dispatch| dispatch.load(progress)).collect());
            let mut took = 0.0;
            while let Some((_, cost)) = portions.next(pace.budget()) {
                let milliseconds = cost as f64 / rate;
                pace.sent(cost, milliseconds + overhead);
                took += milliseconds + overhead;
                all.waits += 1;
                all.milliseconds += milliseconds;
            }
            pace.took(chunk, took);
            all.dispatches += list.len() as u64;
            read += chunk;
        }
        all
    }
}

/// A class of GPUs, by published figures. None of them was measured here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adapter {
    /// Its name.
    pub name: &'static str,
    /// Memory bandwidth in gigabytes a second.
    pub bandwidth: f64,
    /// The latency of a memory request in microseconds.
    pub latency: f64,
    /// Microseconds between two dispatches of which one reads the other's output.
    pub dispatch: f64,
    /// Microseconds of a loop iteration that waits for nearby memory.
    pub step: f64,
    /// Milliseconds from the end of a submission to the caller.
    pub round_trip: f64,
    /// 10⁹ multiply-adds a millisecond when reading a prompt.
    pub rate: f64,
}

impl Adapter {
    /// One adapter for each common class.
    pub const ALL: [Self; 5] = [
        Self::new("M2", 100.0, 0.5, 5.0, 0.35),
        Self::new("RTX 4070", 504.0, 0.6, 2.5, 3.2),
        Self::new("Iris Xe 96", 68.0, 0.5, 7.0, 0.2),
        Self::new("780M", 90.0, 0.7, 6.0, 0.6),
        Self::new("Adreno 750", 77.0, 0.7, 15.0, 0.12),
    ];

    const fn new(
        name: &'static str,
        bandwidth: f64,
        latency: f64,
        dispatch: f64,
        rate: f64,
    ) -> Self {
        Self { name, bandwidth, latency, dispatch, step: 0.03, round_trip: 2.0, rate }
    }

    /// Returns the milliseconds that the GPU takes for a token. Each dispatch waits for the
    /// previous one. It takes as long as its longest chain of iterations, or as reading its bytes
    /// at the bandwidth that its requests in flight can use.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn milliseconds(&self, token: &Token) -> f64 {
        let needed = self.bandwidth * 1e3 * self.latency;
        let each = token.dispatches.iter().map(|cost| {
            let filled = (cost.in_flight as f64 / needed).clamp(0.02, 1.0);
            let memory = cost.bytes as f64 / (self.bandwidth * 1e3 * filled * cost.lanes);
            self.dispatch + memory.max(f64::from(cost.steps) * self.step)
        });
        each.sum::<f64>() / 1e3
    }
}

fn layers(pass: &KernelPass) -> usize {
    let config: &Config = crate::engine::Pass::config(pass);
    config.layers.len()
}
