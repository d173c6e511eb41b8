//! Checks that no pass generates suppressed tokens.

use hybridge_core::{Error, Result};

use crate::config::SUPPRESSED;
use crate::engine::Pass as _;
use crate::gpu::judge::checks::{GREEDY, Kind, open, wrong};
use crate::gpu::{Device, KernelPass, Options};
use crate::scalar::Scalar;
use crate::testing::Tiny;

/// Checks that if the likeliest token is suppressed, the next one is chosen, and other logits stay
/// the same.
///
/// # Errors
///
/// Returns the difference.
pub(crate) async fn suppressed_tokens_are_not_written(device: &Device, tiny: &Tiny) -> Result<()> {
    let mut model = open(tiny).await?;
    let prompt = tiny.prompt(9);
    let mut scalar = Scalar::load(&model, 32).await?;
    scalar.prefill(&prompt).await?;
    let (plain, best) = (scalar.logits().await?, scalar.choose(&GREEDY).await?.token);
    let last = u32::try_from(model.config.vocabulary - 1).unwrap_or(u32::MAX);
    // The first and the last row are among those that a loaded model is compared by.
    let suppressed = [best, 0, last];
    // A file may list tokens that its network does not have.
    model.config.suppressed = [&suppressed[..], &[u32::MAX]].concat();
    let mut scalar = Scalar::load(&model, 32).await?;
    scalar.prefill(&prompt).await?;
    let next = scalar.choose(&GREEDY).await?.token;
    for kind in [Kind::Burn, Kind::KERNELS] {
        let mut pass = kind.load(device, &model, 32).await?;
        // Logits of a prompt and of a single token come from different lists.
        for cut in [prompt.len(), prompt.len() - 1] {
            pass.forget();
            let (begin, rest) = prompt.split_at(cut);
            pass.prefill(begin).await?;
            for token in rest {
                pass.prefill(&[*token]).await?;
            }
            let logits = pass.logits().await?;
            for (token, (found, plain)) in (0..).zip(logits.iter().zip(&plain)) {
                let is_right = if suppressed.contains(&token) {
                    *found == SUPPRESSED
                } else {
                    (found - plain).abs() < 1e-3
                };
                if !is_right {
                    return wrong(format!("{kind:?}: {found} for token {token}, was {plain}"));
                }
            }
            let found = pass.choose(&GREEDY).await?.token;
            if found != next || found == best {
                return wrong(format!("{kind:?}: {found} and not {next}, without it {best}"));
            }
        }
    }
    let mut pass = KernelPass::load(device, &model, 32, Options::USUAL).await?;
    pass.verify(&model).await.map_err(|error| Error::internal(format!("{error}")))
}
