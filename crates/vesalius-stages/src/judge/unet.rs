//! The real pack's own U-Net.

use crate::context::{Context, Progress};
use anyhow::{Result, bail};
use vesalius_data::pack::Pack;
use vesalius_torch::features::unet::{UnetExtractor, spec_of};
use vesalius_torch::segment::SegmentSpec;

/// Steps of the network in place of its usual ones: for tests that need a judge and not its judgement. Scores say it.
const STEPS: &str = "VESALIUS_JUDGE_STEPS";

/// How the network of a pack is trained.
///
/// # Errors
/// Steps in the environment that are no number.
pub(super) fn spec(pack: &Pack) -> Result<SegmentSpec> {
    let usual = spec_of(pack);
    let Some(text) = std::env::var_os(STEPS) else { return Ok(usual) };
    match text.to_str().and_then(|text| text.parse().ok()).filter(|steps| *steps > 0) {
        Some(steps) => Ok(SegmentSpec { steps, ..usual }),
        None => bail!("{STEPS}: {}, expected a number of steps", text.display()),
    }
}

/// What protocols say of a network that was not trained as long as usual; nothing of one that was.
pub(super) fn remark(pack: &Pack) -> Result<String> {
    let steps = spec(pack)?.steps;
    let usual = spec_of(pack).steps;
    Ok(if steps == usual {
        String::new()
    } else {
        format!(" trained for {steps} steps instead of {usual} ({STEPS})")
    })
}

/// The real pack's own U-Net, from the cache or trained now.
///
/// # Errors
/// When training fails or is stopped, or the cache cannot be written.
pub fn unet(pack: &Pack, context: &Context) -> Result<UnetExtractor> {
    let spec = spec(pack)?;
    let mut bar: Option<Box<dyn Progress>> = None;
    let judge =
        UnetExtractor::of_pack(pack, &spec, context.device, &context.stop, &mut |step, loss| {
            bar.get_or_insert_with(|| {
                (context.progress)("training the judge U-Net", spec.steps, "steps")
            })
            .set(step, &format!("loss {loss:.3}"));
        });
    if let Some(bar) = bar {
        bar.finish();
    }
    judge
}
