//! The network that judges images: which it is, what it says of them, and the stage that trains the real pack's own.

mod features;
mod spec;

pub use features::{features, features_by_each};
pub use spec::{DialectName, JudgeSpec, Network, Normalise, Weights};

use crate::context::{Context, Progress};
use crate::side::{RealSplit, Side};
use anyhow::Result;
use std::fmt;
use vesalius_data::pack::Pack;
use vesalius_data::run::{Input, RunResult, Subject};
use vesalius_torch::features::Extractor;
use vesalius_torch::features::inception::Dialect;
use vesalius_torch::features::unet::{UnetExtractor, default_spec};

/// An extractor, with what scores say of it.
pub struct Judge {
    /// The network.
    pub extractor: Box<dyn Extractor>,
    /// What happens to an image on its way in.
    pub treatment: String,
    /// Name of the dialect, where there is one.
    pub dialect: Option<&'static str>,
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judge").field("extractor", &self.extractor.name()).finish_non_exhaustive()
    }
}

impl Judge {
    /// The same network in FID's other dialects; none where it is not FID's.
    pub fn in_other_dialects(&self) -> Vec<Self> {
        Dialect::ALL
            .into_iter()
            .filter(|dialect| self.dialect != Some(dialect.name()))
            .filter_map(|dialect| {
                Some(Self {
                    extractor: self.extractor.in_dialect(dialect)?,
                    treatment: dialect.describe(),
                    dialect: Some(dialect.name()),
                })
            })
            .collect()
    }

    /// What is compared with what, for protocols, with `remark` at its end; and the subject of the run, where both
    /// sides are packs.
    pub fn against(
        &self,
        sides: [&Side; 2],
        split: RealSplit,
        remark: &str,
    ) -> (String, Option<Subject>) {
        let [Side::Pack(real), Side::Pack(synthetic)] = sides else {
            return (self.treatment.clone(), None);
        };
        let provenance = &synthetic.manifest().provenance;
        let painted =
            provenance.painted_masks().map_or(String::new(), |masks| format!("; painted {masks}"));
        let subject = Subject {
            dataset: real.manifest().dataset.clone(),
            gan: provenance.row(),
            trained_on: None,
        };
        let split = match split {
            RealSplit::Train => "training",
            RealSplit::Test => "test",
        };
        let text = format!("{}; against real {split} slices{painted}{remark}", self.treatment);
        (text, Some(subject))
    }
}

/// What scores of feature files call their extractor.
pub const UNKNOWN: &str = "unknown: features from files";

/// The real pack's own U-Net, from the cache or trained now.
///
/// # Errors
/// When training fails or is stopped, or the cache cannot be written.
pub fn unet(pack: &Pack, context: &Context) -> Result<UnetExtractor> {
    let spec = default_spec();
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

/// The stage of a study that makes it, so that no later task has to.
///
/// # Errors
/// Those of [`unet`].
pub fn run(pack: &Pack, context: &Context) -> Result<RunResult> {
    let meter = context.meter();
    unet(pack, context)?;
    let spec = default_spec();
    let subject = Subject { dataset: pack.manifest().dataset.clone(), gan: None, trained_on: None };
    let images = spec.steps * spec.batch as u64;
    let settings = serde_json::to_value(&spec)?;
    let inputs = vec![Input::pack("pack", pack)];
    Ok(meter.result("judge", subject, vec![], inputs, Some(images), settings))
}
