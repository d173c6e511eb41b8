//! What a token and a prompt cost, as the dispatches of a pass say themselves. Counts are exact;
//! [`Adapter`] turns them into estimates of a GPU that is not here.

use hybridge_core::Result;

use crate::config::Config;
use crate::gpu::device::launcher::{Dispatch, Progress};
use crate::gpu::kernels::to_u32;
use crate::gpu::pass::pace::Pace;
use crate::gpu::pass::portions::Portions;
use crate::gpu::{Device, KernelPass, Options};
use crate::weights::Model;

/// One dispatch of a decoded token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// The kernel's name.
    pub label: &'static str,
    /// Invocations that are started.
    pub invocations: u64,
    /// Turns of one of them, one behind the other.
    pub steps: u32,
    /// Bytes of weights, keys or values that are read.
    pub bytes: u64,
    /// Bytes that all invocations request at once.
    pub in_flight: u64,
    /// Share of its lanes that have work.
    pub lanes: f64,
    /// Whether it multiplies a matrix.
    pub is_product: bool,
}

/// What a decoded token costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// In order.
    pub dispatches: Vec<Cost>,
    /// Layers of the network.
    pub layers: usize,
}

/// What a prompt costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prompt {
    /// Kernels started.
    pub dispatches: u64,
    /// Submissions that are waited for.
    pub waits: u32,
    /// Milliseconds at the rate that was assumed, without the waits.
    pub milliseconds: f64,
}

/// A pass of any size whose matrices are empty: made in a moment, and only to be counted.
///
/// # Errors
/// As loading.
pub async fn empty(
    device: &Device,
    model: &Model,
    capacity: usize,
    options: Options,
) -> Result<KernelPass> {
    KernelPass::load(device, model, capacity, Options { empty: true, ..options }).await
}

/// The text of each kernel of a sampled token, named by what it does.
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
    /// Of a token at this position; `keep_many` where it is sampled.
    #[must_use]
    pub fn of(pass: &KernelPass, position: u32, keep_many: bool) -> Self {
        let progress = Progress { position, tokens: 1 };
        let dispatches = pass.token(keep_many).map(|it| Cost::of(it, progress)).collect();
        Self { dispatches, layers: layers(pass) }
    }

    /// Bytes that are read.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.dispatches.iter().map(|it| it.bytes).sum()
    }

    /// Each kind of dispatch once, with how many there are.
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
    /// Of so many tokens on a GPU that manages so many multiply-adds a millisecond, with `overhead`
    /// milliseconds for each submission that is waited for. The pacing is the pass's own.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds, of which the first digits matter"
    )]
    pub fn of(pass: &KernelPass, tokens: usize, rate: f64, overhead: f64) -> Self {
        let (list, mut pace): (&[Dispatch], Pace) = pass.reading();
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

/// A class of GPUs, by figures that others published. Nothing here was measured on one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adapter {
    /// Its name.
    pub name: &'static str,
    /// Gigabytes of memory a second.
    pub bandwidth: f64,
    /// Microseconds that a request for memory takes.
    pub latency: f64,
    /// Microseconds between two dispatches of which one reads what the other wrote.
    pub dispatch: f64,
    /// Microseconds that a turn of a loop takes which waits for memory near the arithmetic.
    pub step: f64,
    /// Milliseconds from a submission's end to the caller.
    pub round_trip: f64,
    /// 10⁹ multiply-adds a millisecond that reading a prompt achieves.
    pub rate: f64,
}

impl Adapter {
    /// One for each class that people have.
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

    /// Milliseconds that the GPU takes for a token: each dispatch waits for the one before it, and
    /// takes as long as its bytes at the bandwidth that its requests in flight can fill, or its
    /// longest chain of turns.
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
