//! The real pack's own U-Net.

use crate::context::{Context, Progress};
use anyhow::Result;
use vesalius_data::pack::Pack;
use vesalius_torch::features::unet::{UnetExtractor, spec_of};

/// The real pack's own U-Net, from the cache or trained now.
///
/// # Errors
/// When training fails or is stopped, or the cache cannot be written.
pub fn unet(pack: &Pack, context: &Context) -> Result<UnetExtractor> {
    let spec = spec_of(pack);
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
