//! The tests of the GPU passes, each a function of a device. The same tests run natively on every
//! software adapter and in a browser; [`gpu_suite`](crate::gpu_suite) lists them once for both.

use std::sync::atomic::{AtomicU32, Ordering};

use hybridge_core::{Error, Result};

use crate::burn::burn_check;
use crate::config::Architecture;
use crate::gpu::judge::checks::{self, Kind};
use crate::gpu::judge::costs;
use crate::gpu::judge::cuts;
use crate::gpu::judge::rounding;
use crate::gpu::judge::seeing;
pub use crate::gpu::judge::seeing::towers_agree;
use crate::gpu::judge::suppressed;
use crate::gpu::{Device, Options, Plan, PlanChoice, choose, self_check};
use crate::testing::{Tiny, tiny_models};

/// The kernels for real GPUs, with barriers, which are slow on CPU adapters.
const BARRIERS: Kind = Kind::Kernels(kernels(40, false));
/// The kernels for CPU adapters.
const NO_BARRIERS: Kind = Kind::Kernels(kernels(16, true));

/// Browsers compile and wait for so long that the slowest tests are reduced there.
pub(crate) const IS_NATIVE: bool = cfg!(not(target_family = "wasm"));

const fn kernels(chunk: usize, software: bool) -> Options {
    Options { chunk, software: Some(software), ..Options::USUAL }
}

/// Passes the name of every test to a macro that defines the tests.
#[macro_export]
macro_rules! gpu_suite {
    ($tests:ident) => {
        $tests! {
            the_device_computes_right,
            kernels_without_barriers_agree_with_the_record,
            kernels_with_barriers_agree_with_the_record,
            newer_kernels_agree_with_the_record,
            burn_reads_newer_networks,
            newer_chunks_do_not_matter,
            newer_conversations_go_on,
            newer_draws_are_the_same,
            newer_costs_are_counted,
            newer_weights_stay_packed,
            newer_models_are_held_to_their_file,
            newer_rounding_agrees_with_its_twin,
            suppressed_tokens_are_not_written,
            rounded_products_are_sums,
            rounding_agrees_with_its_twin,
            subgroups_are_right_or_told,
            least_limits_suffice,
            a_plan_is_chosen_once,
            a_plan_that_is_refused_is_passed_over,
            burn_agrees_with_the_record,
            vectors_agree_with_the_record,
            chunks_do_not_matter,
            rewinding_forgets_the_end,
            conversations_go_on,
            draws_are_the_same,
            decoding_is_cheap,
            reading_is_cheap,
            stopped_prompts_end,
            cutting_changes_nothing,
            stopping_amid_a_dispatch_is_right,
            local_layers_are_bounded,
            weights_stay_packed,
            kernels_are_compiled_once,
            looking_ahead_changes_nothing,
            what_is_no_number_is_told,
            shards_do_not_matter,
            too_much_memory_is_refused,
            what_cannot_be_made_is_told,
            a_late_error_fails_no_other_request,
            a_loaded_model_is_held_to_its_file,
            towers_agree,
            rows_of_pictures_agree,
            rows_of_pictures_are_checked,
        }
    };
}

/// Runs a check on the tiny models selected by `take`, and lists all that fail.
async fn check(
    device: &Device,
    take: impl Fn(&Tiny) -> bool,
    each: &impl AsyncFn(&Device, &Tiny) -> Result<()>,
) -> Result<()> {
    let mut failures = Vec::new();
    for tiny in tiny_models().iter().filter(|tiny| take(tiny)) {
        if let Err(error) = each(device, tiny).await {
            failures.push(format!("{}: {error}", tiny.name));
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(Error::internal(failures.join("\n"))) }
}

fn writes(tiny: &Tiny) -> bool {
    tiny.architecture == Architecture::Gemma3
}

fn embeds(tiny: &Tiny) -> bool {
    tiny.architecture == Architecture::GemmaEmbedding
}

fn one_of(names: &'static [&'static str]) -> impl Fn(&Tiny) -> bool {
    move |tiny| names.contains(&tiny.name)
}

/// The first ones run everywhere, the others natively only.
fn natively_also(
    few: &'static [&'static str],
    others: &'static [&'static str],
) -> impl Fn(&Tiny) -> bool {
    move |tiny| few.contains(&tiny.name) || IS_NATIVE && others.contains(&tiny.name)
}

macro_rules! suite {
    ($($(#[$doc:meta])* $name:ident: $take:expr, $each:expr;)*) => {$(
        $(#[$doc])*
        /// # Errors
        ///
        /// Returns what is wrong, model by model.
        pub async fn $name(device: &Device) -> Result<()> {
            check(device, $take, &$each).await
        }
    )*};
}

suite! {
    /// With the defaults for machines without a GPU.
    kernels_without_barriers_agree_with_the_record: writes, async |device: &Device, tiny: &Tiny| {
        checks::agrees_with_record(device, NO_BARRIERS, tiny).await
    };
    /// With the defaults for machines with a GPU.
    kernels_with_barriers_agree_with_the_record:
        natively_also(&["q4_0", "head_256", "irregular"], &["q6_k", "mixed"]),
        async |device: &Device, tiny: &Tiny| checks::agrees_with_record(device, BARRIERS, tiny).await;
    /// Gemma 3n and 4, with both kinds of kernels.
    newer_kernels_agree_with_the_record: natively_also(
        &["gemma4", "gemma3n"],
        &["gemma4_q4_0", "gemma4_unused", "gemma4_dense", "gemma3n_q8_0"],
    ), async |device: &Device, tiny: &Tiny| {
        for kind in [NO_BARRIERS, BARRIERS] {
            checks::agrees_with_record(device, kind, tiny).await?;
        }
        Ok(())
    };
    /// The same by burn's plain operations with their caches, which several layers share.
    burn_reads_newer_networks: natively_also(
        &["gemma3n"],
        &["gemma4", "gemma4_unused", "gemma4_dense", "gemma3n_q8_0"],
    ), async |device: &Device, tiny: &Tiny| {
        checks::agrees_with_record(device, Kind::Burn, tiny).await?;
        match tiny.name {
            "gemma4" => checks::conversations_go_on(device, Kind::Burn, tiny).await,
            "gemma3n" if IS_NATIVE => checks::chunks_do_not_matter(device, Kind::Burn, tiny).await,
            _ => Ok(()),
        }
    };
    /// Prompts in chunks of any size: shared rings, inputs by chunk.
    newer_chunks_do_not_matter: natively_also(&["gemma4_q4_0"], &["gemma3n"]),
        async |device: &Device, tiny: &Tiny| {
            checks::chunks_do_not_matter(device, NO_BARRIERS, tiny).await?;
            if IS_NATIVE {
                checks::chunks_do_not_matter(device, BARRIERS, tiny).await?;
            }
            Ok(())
        };
    /// Caches between turns.
    newer_conversations_go_on: natively_also(&[], &["gemma4", "gemma3n"]),
        async |device: &Device, tiny: &Tiny| {
            checks::conversations_go_on(device, NO_BARRIERS, tiny).await
        };
    /// Sampling with networks newer than Gemma 3.
    newer_draws_are_the_same: one_of(&["gemma4"]), async |device: &Device, tiny: &Tiny| {
        checks::draws_are_the_same(device, NO_BARRIERS, tiny).await
    };
    /// Dispatches of decode and prefill.
    newer_costs_are_counted: one_of(&["gemma4", "gemma4_dense", "gemma3n"]),
        costs::newer_costs_are_counted;
    /// Bytes, without the table of inputs.
    newer_weights_stay_packed: one_of(&["gemma4_q4_0"]), costs::weights_stay_packed;
    /// Weights on the GPU, compared with the file.
    newer_models_are_held_to_their_file: natively_also(&["gemma4"], &["gemma3n_q8_0"]),
        checks::a_loaded_model_is_held_to_its_file;
    /// Decoding with rounded vectors, for layers with inputs and shared keys.
    newer_rounding_agrees_with_its_twin: natively_also(&[], &["gemma4_q4_0"]),
        rounding::rounding_agrees_with_its_twin;
    /// Suppressed tokens.
    suppressed_tokens_are_not_written: one_of(&["gemma4"]),
        suppressed::suppressed_tokens_are_not_written;
    /// Products of decoding with rounded vectors.
    rounded_products_are_sums: one_of(&["q4_0"]), rounding::rounded_products_are_sums;
    /// Decoding with rounded vectors.
    rounding_agrees_with_its_twin: one_of(&["q4_0", "q6_k"]), rounding::rounding_agrees_with_its_twin;
    /// Sums by shuffles.
    subgroups_are_right_or_told: one_of(&["q4_0"]), rounding::subgroups_are_right_or_told;
    /// burn's plain operations.
    burn_agrees_with_the_record: writes, async |device: &Device, tiny: &Tiny| {
        checks::agrees_with_record(device, Kind::Burn, tiny).await
    };
    /// Embeddings, by both.
    vectors_agree_with_the_record: embeds, async |device: &Device, tiny: &Tiny| {
        for kind in [Kind::Burn, NO_BARRIERS] {
            checks::vector_agrees_with_record(device, kind, tiny).await?;
        }
        cuts::cutting_changes_no_vector(device, tiny).await
    };
    /// Prefill in chunks of any size.
    chunks_do_not_matter: one_of(&["q8_0", "irregular"]), async |device: &Device, tiny: &Tiny| {
        for kind in [Kind::Burn, NO_BARRIERS, BARRIERS] {
            checks::chunks_do_not_matter(device, kind, tiny).await?;
        }
        Ok(())
    };
    /// Rewinding of the cache.
    rewinding_forgets_the_end: one_of(&["q8_0", "no_window"]), async |device: &Device, tiny: &Tiny| {
        for kind in [Kind::Burn, NO_BARRIERS] {
            checks::rewinding_forgets_the_end(device, kind, tiny).await?;
        }
        Ok(())
    };
    /// Turns, edits, forks and switches.
    conversations_go_on: natively_also(&["irregular"], &["q8_0", "no_window"]),
        async |device: &Device, tiny: &Tiny| {
            for kind in [Kind::Burn, NO_BARRIERS, BARRIERS] {
                checks::conversations_go_on(device, kind, tiny).await?;
            }
            Ok(())
        };
    /// Sampling.
    draws_are_the_same: one_of(&["q4_0"]), async |device: &Device, tiny: &Tiny| {
        for kind in [Kind::Burn, NO_BARRIERS] {
            checks::draws_are_the_same(device, kind, tiny).await?;
        }
        Ok(())
    };
    /// Counts of a decoded token.
    decoding_is_cheap: one_of(&["q4_0", "mixed"]), costs::decoding_is_cheap;
    /// Counts of a prompt.
    reading_is_cheap: one_of(&["q4_0"]), costs::reading_is_cheap;
    /// Counts of an aborted prompt.
    stopped_prompts_end: natively_also(&["irregular"], &["q8_0"]), costs::stopped_prompts_end;
    /// Submissions of any size.
    cutting_changes_nothing: natively_also(&["q4_0", "mixed", "head_256"], &["q6_k", "irregular"]),
        async |device: &Device, tiny: &Tiny| {
            for options in [kernels(16, true), kernels(16, false)] {
                cuts::cutting_changes_nothing(device, tiny, options).await?;
            }
            Ok(())
        };
    /// A prompt that is aborted inside a split dispatch.
    stopping_amid_a_dispatch_is_right: one_of(&["irregular"]),
        async |device: &Device, tiny: &Tiny| {
            for options in [kernels(16, true), kernels(16, false)] {
                cuts::stopping_amid_a_dispatch_is_right(device, tiny, options).await?;
            }
            Ok(())
        };
    /// Counts far into a text.
    local_layers_are_bounded: one_of(&["irregular"]), costs::local_layers_are_bounded;
    /// Bytes of weights, for each layout.
    weights_stay_packed: one_of(&["q5_1", "mixed", "untied"]), costs::weights_stay_packed;
    /// The next model on the same device.
    kernels_are_compiled_once: one_of(&["f32"]), costs::kernels_are_compiled_once;
    /// Steps submitted early.
    looking_ahead_changes_nothing: one_of(&["irregular"]), costs::looking_ahead_changes_nothing;
    /// Overflow of activations.
    what_is_no_number_is_told: one_of(&["f32"]), async |device: &Device, tiny: &Tiny| {
        for kind in [Kind::Burn, NO_BARRIERS] {
            checks::what_is_no_number_is_told(device, kind, tiny).await?;
        }
        Ok(())
    };
    /// Small binding limits.
    shards_do_not_matter: one_of(&["f32", "untied"]), checks::shards_do_not_matter;
    /// Impossible sizes.
    too_much_memory_is_refused: one_of(&["f32"]), checks::too_much_memory_is_refused;
    /// A kernel that does not compile.
    what_cannot_be_made_is_told: one_of(&["f32"]), checks::what_cannot_be_made_is_told;
    /// Weights on the GPU, compared with the file.
    a_loaded_model_is_held_to_its_file:
        natively_also(&["mixed", "soft_cap"], &["q4_0", "q6_k", "untied", "large_residual"]),
        checks::a_loaded_model_is_held_to_its_file;
    /// Pictures among tokens: with all layers, no layer, or local layers attending ahead.
    rows_of_pictures_agree: natively_also(&[], &["gemma4_dense", "period_2", "gemma4"]),
        async |device: &Device, tiny: &Tiny| {
            seeing::rows_agree(device, kernels(16, true), tiny).await?;
            seeing::rows_agree(device, kernels(16, false), tiny).await
        };
    /// Rows that do not fit.
    rows_of_pictures_are_checked: natively_also(&[], &["gemma4_dense"]),
        async |device: &Device, tiny: &Tiny| {
            seeing::rows_are_checked(device, kernels(16, true), tiny).await
        };
    /// An error of the previous request.
    a_late_error_fails_no_other_request: one_of(&["f32"]), checks::a_late_error_fails_no_other_request;
}

/// A clock by which everything takes ten milliseconds, so that any correct plan may be chosen.
fn hasty() -> f64 {
    static NOW: AtomicU32 = AtomicU32::new(0);
    f64::from(NOW.fetch_add(10, Ordering::Relaxed))
}

/// Checks that a plan is chosen by trying all, and is not tried again if remembered; an unknown
/// name is not trusted.
///
/// # Errors
///
/// Returns what happened instead.
pub async fn a_plan_is_chosen_once(device: &Device) -> Result<()> {
    for may_round in [false, true] {
        let plans = Plan::spreads(device.facts());
        let chosen = choose(device, "", may_round, hasty).await?;
        let roundings = chosen.plan.exact().roundings(device.facts(), may_round);
        let rounds = [plans.len(), roundings.len()].into_iter();
        let tried: usize = rounds.filter(|plans| *plans > 1).sum();
        let again = choose(device, &chosen.plan.name(), may_round, hasty).await?;
        let broken = choose(device, "no plan", may_round, hasty).await?;
        let found = [chosen.tried, again.tried, broken.tried];
        if !plans.contains(&chosen.plan.exact())
            || again.plan != chosen.plan
            || found != [tried, 0, tried]
        {
            return Err(Error::internal(format!("{plans:?}: {chosen:?} {again:?} {broken:?}")));
        }
    }
    Ok(())
}

/// Checks that a plan whose kernels do not compile is skipped.
///
/// # Errors
///
/// Returns what happened instead.
pub async fn a_plan_that_is_refused_is_passed_over(device: &Device) -> Result<()> {
    let promising = device.clone().promising_halves();
    let PlanChoice { plan, tried } = choose(&promising, "", true, hasty).await?;
    let may_run = plan.exact().roundings(device.facts(), true).contains(&plan);
    if may_run && tried > 1 {
        return Ok(());
    }
    Err(Error::internal(format!("{} of {tried}", plan.name())))
}

/// Checks that no kernel exceeds WebGPU's guaranteed limits: 16 KiB of workgroup memory, 256
/// invocations, 8 storage buffers. In a browser only the largest ones are tried.
///
/// # Errors
///
/// Returns the kernel that does.
pub async fn least_limits_suffice(_: &Device) -> Result<()> {
    let device = Device::open_with_least_limits().await?;
    let each = async |device: &Device, tiny: &Tiny| {
        if IS_NATIVE {
            checks::agrees_with_record(device, NO_BARRIERS, tiny).await?;
        }
        checks::agrees_with_record(device, BARRIERS, tiny).await?;
        checks::draws_are_the_same(device, BARRIERS, tiny).await
    };
    check(&device, one_of(&["mixed"]), &each).await?;
    if IS_NATIVE {
        rounded_products_are_sums(&device).await?;
    }
    self_check(&device).await.map(|_| ())
}

/// The device's self-tests: of our kernels, and of burn's queue.
///
/// # Errors
///
/// Returns the difference.
pub async fn the_device_computes_right(device: &Device) -> Result<()> {
    for report in [self_check(device).await?, burn_check(device).await?] {
        if report.max_error >= 1e-4 {
            return Err(Error::internal(format!("{report:?}")));
        }
    }
    Ok(())
}
