//! A network that looks, with what scores say of it.

use crate::side::{RealSplit, Side};
use std::fmt;
use vesalius_data::run::Subject;
use vesalius_torch::features::Extractor;
use vesalius_torch::features::inception::Dialect;

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
        let what = if real.slice_shape().is_volume() { "volumes" } else { "slices" };
        let text = format!("{}; against real {split} {what}{painted}{remark}", self.treatment);
        (text, Some(subject))
    }
}

/// What scores of feature files call their extractor.
pub const UNKNOWN: &str = "unknown: features from files";
