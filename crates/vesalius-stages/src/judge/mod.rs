//! The network that judges images: which it is, what it says of them, and the stage that trains the real pack's own.

mod features;
mod form;
mod network;
mod spec;
mod unet;

pub use features::{features, features_by_each};
pub use network::{Judge, UNKNOWN};
pub use spec::{DialectName, JudgeSpec, Network, Normalise, Weights};
pub use unet::unet;

use crate::context::Context;
use anyhow::Result;
use vesalius_data::pack::Pack;
use vesalius_data::run::{Input, RunResult, Subject};

/// The stage of a study that makes it, so that no later task has to.
///
/// # Errors
/// Those of [`unet`].
pub fn run(pack: &Pack, context: &Context) -> Result<RunResult> {
    let meter = context.meter();
    unet(pack, context)?;
    let spec = unet::spec(pack)?;
    let subject = Subject { dataset: pack.manifest().dataset.clone(), gan: None, trained_on: None };
    let images = spec.steps * spec.batch as u64;
    let settings = serde_json::to_value(&spec)?;
    let inputs = vec![Input::pack("pack", pack)];
    Ok(meter.result("judge", subject, vec![], inputs, Some(images), settings))
}
