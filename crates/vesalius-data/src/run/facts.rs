//! What a run read, as data: copied from a pack's manifest where the pack is opened, so that no report has to read it
//! out of
//! a command line.

use crate::pack::Pack;
use crate::pack::manifest::{Provenance, Split};
use crate::pack::masks::MaskSource;
use crate::run::precision::Precision;
use serde::{Deserialize, Serialize};

/// A pack. Its digest stands beside it, in the input that it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PackFacts {
    /// Real images.
    Real(RealFacts),
    /// Images of a generator.
    Synthetic(Box<SyntheticFacts>),
}

/// A pack of real images. What is none was not told by the version that wrote the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RealFacts {
    /// Name of the dataset.
    pub dataset: String,
    /// Training slices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<u64>,
    /// Validation slices, where there are some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validate: Option<u64>,
    /// Test slices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<u64>,
    /// The fold that it was opened in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fold: Option<Fold>,
    /// Where only some of its training patients were there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patients: Option<Patients>,
}

/// Some of the training patients of a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patients {
    /// Digest of the pack (or its fold) with all of them.
    pub pack: String,
    /// How many: the first of an order in which each number holds all smaller ones.
    pub count: usize,
    /// Of how many.
    pub of: usize,
}

/// One of the folds of a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fold {
    /// Digest of the pack as a whole.
    pub pack: String,
    /// Which, from 0.
    pub number: usize,
    /// Of how many.
    pub of: usize,
}

/// A pack of synthetic images. What is none was not told by the version that wrote the result, or is not there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SyntheticFacts {
    /// Name of the dataset that the generator learned from.
    pub dataset: String,
    /// Pairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Preset of the generator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator: Option<String>,
    /// SHA-256 of the generator's weights, by which its training is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
    /// SHA-256 of the settings of the training that was sampled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Digest of the real pack that the generator was trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trained_on: Option<String>,
    /// Thousands of real images that it had seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kimg: Option<f64>,
    /// Seed of the latents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Truncation ψ; 1: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncation: Option<f64>,
    /// In what arithmetic the generator computed.
    #[serde(default, skip_serializing_if = "Precision::is_default")]
    pub precision: Precision,
    /// Where masks came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masks: Option<MaskSource>,
    /// Digest of the pack whose masks were painted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masks_pack: Option<String>,
    /// What was sorted out, where something was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    /// Where these are the first of a pack's pairs: how many that pack has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_of: Option<u64>,
    /// Whether each image has the mask of another: a control.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shuffled: bool,
}

/// Pairs that were left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// Digest of the pack that was filtered.
    pub pack: String,
    /// Pairs that are left.
    pub kept: u64,
    /// Pairs that there were.
    pub of: u64,
}

/// What a training left: by these digests the packs that were sampled from it are known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainingFacts {
    /// SHA-256 of its `task.toml`.
    pub run: String,
    /// SHA-256 of the generator's weights in each checkpoint that it kept, oldest first.
    pub checkpoints: Vec<String>,
}

impl PackFacts {
    /// What a pack's manifest says.
    pub fn of(pack: &Pack) -> Self {
        let manifest = pack.manifest();
        let dataset = manifest.dataset.clone();
        match &manifest.provenance {
            Provenance::Real { .. } => {
                let slices = |split: Split| Some(manifest.indices(split).len() as u64);
                let (train, test) = (slices(Split::Train), slices(Split::Test));
                let validate = slices(Split::Validate).filter(|count| *count > 0);
                let seen_as = pack.seen_as();
                let fold = seen_as.fold.as_ref().map(|fold| Fold {
                    pack: fold.whole.clone(),
                    number: fold.number,
                    of: fold.of,
                });
                let patients = seen_as.patients.as_ref();
                let patients = patients.map(|few| Patients {
                    pack: few.whole.clone(),
                    count: few.count,
                    of: few.of,
                });
                Self::Real(RealFacts { dataset, train, validate, test, fold, patients })
            }
            Provenance::Synthetic {
                gan,
                checkpoint_sha256,
                trained_on,
                kimg,
                seed,
                truncation,
                precision,
                mask_source,
                masks_pack,
                run_sha256,
                filtered,
                seen: _,
                elsewhere,
                stacked: _, // the row says so
            } => Self::Synthetic(Box::new(SyntheticFacts {
                dataset,
                count: Some(pack.len() as u64),
                generator: Some(gan.clone()),
                checkpoint: elsewhere.is_none().then(|| checkpoint_sha256.clone()),
                run: run_sha256.clone(),
                trained_on: Some(trained_on.clone()).filter(|digest| !digest.is_empty()),
                kimg: elsewhere.is_none().then_some(*kimg),
                seed: elsewhere.is_none().then_some(*seed),
                truncation: elsewhere.is_none().then_some(*truncation),
                precision: *precision,
                masks: Some(mask_source.clone()),
                masks_pack: masks_pack.clone(),
                filter: filtered.as_ref().map(|filtered| Filter {
                    pack: filtered.pack.clone(),
                    kept: filtered.kept as u64,
                    of: filtered.of as u64,
                }),
                first_of: pack.seen_as().first_of.map(|count| count as u64),
                shuffled: pack.seen_as().shuffled,
            })),
        }
    }
}

impl RealFacts {
    /// Of a dataset of which nothing else is known.
    pub fn unknown(dataset: &str) -> Self {
        let dataset = dataset.to_owned();
        Self { dataset, train: None, validate: None, test: None, fold: None, patients: None }
    }
}

impl SyntheticFacts {
    /// Images of which nothing is known but that they are synthetic.
    pub fn unknown(dataset: &str) -> Self {
        Self {
            dataset: dataset.to_owned(),
            count: None,
            generator: None,
            checkpoint: None,
            run: None,
            trained_on: None,
            kimg: None,
            seed: None,
            truncation: None,
            precision: Precision::F32,
            masks: None,
            masks_pack: None,
            filter: None,
            first_of: None,
            shuffled: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn packs_of_older_versions_say_what_they_are() {
        let open = |name: &str| {
            let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/compat");
            PackFacts::of(&Pack::open(&Path::new(root).join(name)).unwrap())
        };
        let PackFacts::Real(real) = open("pack-1") else { panic!("real") };
        assert_eq!(real.dataset, "acdc");
        assert!(real.train > Some(0) && real.test.is_some());
        let PackFacts::Synthetic(made) = open("synthetic-1") else { panic!("synthetic") };
        assert_eq!((made.generator.as_deref(), made.count), (Some("lsgan"), Some(2)));
        assert_eq!((made.seed, made.truncation), (Some(1), Some(1.0)));
        assert_eq!(made.masks, Some(MaskSource::Generated));
        assert!(made.checkpoint.as_ref().is_some_and(|digest| digest.starts_with("a33e9b57")));
        assert!(made.trained_on.is_some() && made.run.is_none() && made.filter.is_none());
        let text = serde_json::to_string(&PackFacts::Synthetic(made.clone())).unwrap();
        assert!(text.contains(r#""kind":"synthetic""#) && text.contains(r#""masks":"generated""#));
        assert_eq!(serde_json::from_str::<PackFacts>(&text).unwrap(), PackFacts::Synthetic(made));
    }
}
