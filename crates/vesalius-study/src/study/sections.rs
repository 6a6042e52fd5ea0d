//! The sections of a study file.

use crate::search::Sampler;
use crate::space::Parameter;
use crate::task::Stage;
use serde::Deserialize;
use std::path::PathBuf;
use toml::Spanned;

/// One `[[dataset]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// A real pack, relative to the study file.
    pub pack: Spanned<PathBuf>,
    /// What tables of the study call it; the pack's folder name by default.
    #[serde(default)]
    pub name: Option<String>,
}

impl Dataset {
    /// What tables of the study call it.
    pub fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| {
            self.pack.get_ref().file_name().unwrap_or_default().to_string_lossy().into_owned()
        })
    }
}

/// `folds`: how many all packs have, or which of them are worked on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Folds {
    /// All of so many.
    All(usize),
    /// These, from 0.
    These(Vec<usize>),
}

impl Folds {
    /// The folds that are worked on.
    pub fn numbers(&self) -> Vec<usize> {
        match self {
            Self::All(count) => (0..*count).collect(),
            Self::These(numbers) => numbers.clone(),
        }
    }
}

/// One `[[imported]]`: a pack of another program's images.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportedPack {
    /// What `vesalius import` wrote, or any other synthetic pack, relative to the study file.
    pub pack: Spanned<PathBuf>,
    /// The dataset that it is judged by; the study's only one by default.
    #[serde(default)]
    pub dataset: Option<String>,
}

/// One `[[gan]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gan {
    /// Name of its preset.
    pub preset: Spanned<String>,
    /// Settings of its trainings, after those of the study.
    #[serde(default)]
    pub set: Vec<Spanned<String>>,
    /// Length of its trainings, thousands of images; the budget's by default.
    #[serde(default)]
    pub kimg: Option<Spanned<f64>>,
    /// Weights that its trainings start from, relative to the study file.
    #[serde(default)]
    pub init_from: Option<Spanned<PathBuf>>,
    /// Truncation ψ of its samples, 0 to 1, for GANs whose styles have a mean; 1 by default.
    #[serde(default)]
    pub truncation: Option<Spanned<f64>>,
    /// Where masks come from, for GANs that paint them; those of the training patients by default.
    #[serde(default)]
    pub masks: Option<Spanned<Masks>>,
    /// Whether its samples are painted in the styles of training images, for GANs with a style encoder.
    #[serde(default)]
    pub training_styles: Option<Spanned<bool>>,
    /// Of datasets of volumes: trained on their planes; as many of its slices as a volume has planes, one behind the other,
    /// are one of its volumes.
    #[serde(default)]
    pub slices: bool,
}

impl Gan {
    /// What the study calls it: its preset, `PRESET-slices` where it makes slices of volumes, so that a preset may stand
    /// twice.
    pub fn name(&self) -> String {
        let kind = if self.slices { "-slices" } else { "" };
        format!("{}{kind}", self.preset.get_ref())
    }

    /// Truncation ψ of its samples.
    pub fn truncation(&self) -> f64 {
        self.truncation.as_ref().map_or(1.0, |psi| *psi.get_ref())
    }

    /// Whether training images lend their styles.
    pub fn training_styles(&self) -> bool {
        self.training_styles.as_ref().is_some_and(|lent| *lent.get_ref())
    }

    /// Where masks come from, if it paints them.
    pub fn masks(&self) -> &Masks {
        self.masks.as_ref().map_or(&Masks::Training, Spanned::get_ref)
    }
}

/// Where masks come from, for GANs that paint them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum Masks {
    /// Those of the training patients.
    Training,
    /// The same, moved a little.
    Warped,
    /// Those that another GAN of the study made on the same dataset: the pairs sampled from its best run.
    Of(String),
}

impl From<String> for Masks {
    fn from(text: String) -> Self {
        match text.as_str() {
            "training" => Self::Training,
            "warped" => Self::Warped,
            _ => Self::Of(text),
        }
    }
}

/// `[budget]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Trainings in all, dealt out evenly to the GANs and datasets.
    pub runs: Spanned<usize>,
    /// Length of a training, thousands of images.
    pub kimg: Spanned<f64>,
    /// Hours of all trainings added up, after which no new one starts.
    #[serde(default)]
    pub hours: Option<f64>,
}

/// `[search]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// How points are chosen.
    pub sampler: Spanned<Sampler>,
    /// Where.
    #[serde(default)]
    pub parameter: Vec<Parameter>,
}

/// `[best]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Best {
    /// Synthetic pairs.
    pub count: Spanned<usize>,
    /// Seed of the latents.
    #[serde(default = "one")]
    pub seed: u64,
    /// A U-Net on the synthetic pairs alone.
    #[serde(default)]
    pub unet_alone: bool,
    /// A U-Net on real and synthetic pairs.
    #[serde(default)]
    pub unet_with_real: bool,
    /// Shares of a batch that synthetic pairs fill beside real ones: one U-Net of each, all seeds for the one that is best
    /// on validation patients. Equal shares of all packs by default.
    #[serde(default)]
    pub shares: Option<Spanned<Vec<f64>>>,
    /// A distance by each of these networks.
    #[serde(default)]
    pub distance: Vec<Judged>,
    /// Every metric of fidelity, diversity and copying, seen by this network.
    #[serde(default)]
    pub metrics: Option<Judged>,
    /// The audit for copies of training images.
    #[serde(default)]
    pub copying: Option<Asked>,
    /// The check of masks against anatomy, and against their images.
    #[serde(default)]
    pub plausibility: Option<Asked>,
    /// Of volumes: whether neighbouring planes fit each other.
    #[serde(default)]
    pub coherence: Option<Asked>,
}

impl Best {
    /// What judges the pairs of a best run: stage, what the file says of it, what people call it. U-Nets have a
    /// section of their own.
    pub fn judges(&self) -> Vec<(Stage, toml::Table, String)> {
        let distances = self.distance.iter().map(|judged| (Stage::Distance, judged));
        let metrics = self.metrics.iter().map(|judged| (Stage::Metrics, judged));
        let asked = [
            (Stage::Copying, &self.copying),
            (Stage::Plausibility, &self.plausibility),
            (Stage::Coherence, &self.coherence),
        ];
        let asked = asked.into_iter().filter_map(|(stage, asked)| {
            let settings = asked.as_ref().and_then(Asked::settings)?;
            Some((stage, settings, stage.name().to_owned()))
        });
        let compared = distances.chain(metrics);
        compared.map(|(stage, by)| (stage, by.settings(), by.name())).chain(asked).collect()
    }
}

/// A network that looks, by its name alone or in a table with the stage's other settings; opaque here.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged, expecting = "expected the name of a network, or a table with `extractor`")]
pub enum Judged {
    /// `"unet"`, …
    Name(String),
    /// `{ extractor = …, … }`.
    Table(toml::Table),
}

impl Judged {
    /// Settings of the stage.
    pub fn settings(&self) -> toml::Table {
        match self {
            Self::Name(name) => {
                toml::Table::from_iter([("extractor".to_owned(), name.as_str().into())])
            }
            Self::Table(table) => table.clone(),
        }
    }

    /// What people call it.
    pub fn name(&self) -> String {
        match self {
            Self::Name(name) => name.clone(),
            Self::Table(table) => toml::Value::Table(table.clone()).to_string(),
        }
    }
}

/// Whether a stage is wanted, or how; opaque here.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged, expecting = "expected true, false or a table of settings")]
pub enum Asked {
    /// As it is by default, or not.
    Plain(bool),
    /// With these settings.
    Table(toml::Table),
}

impl Asked {
    /// Settings of the stage, where it is wanted.
    pub fn settings(&self) -> Option<toml::Table> {
        match self {
            Self::Plain(wanted) => wanted.then(toml::Table::new),
            Self::Table(table) => Some(table.clone()),
        }
    }
}

/// `[question]`: what the report is to answer first. What is left out is the report's default.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Question {
    /// GAN (as the study calls it, or what an imported pack calls its generator) of the primary comparison.
    pub gan: Option<Spanned<String>>,
    /// Dice below which a difference does not matter.
    pub margin: Option<Spanned<f64>>,
    /// Chance of a false answer.
    pub level: Option<Spanned<f64>>,
}

/// `[unet]`: the U-Nets that measure Dice.
#[derive(Debug, Clone, Deserialize)]
pub struct Unet {
    /// One U-Net for each.
    #[serde(default = "seed_one")]
    pub seeds: Vec<u64>,
    /// Everything else, as the stage has it; opaque here.
    #[serde(flatten)]
    settings: toml::Table,
}

/// The preset of a study's segmenters, where it names none.
const PRESET: &str = "strong";

impl Unet {
    /// What the study says of them, with the preset.
    pub fn settings(&self) -> toml::Table {
        let mut settings = self.settings.clone();
        settings.entry("preset").or_insert_with(|| PRESET.into());
        settings
    }
}

impl Default for Unet {
    fn default() -> Self {
        Self { seeds: seed_one(), settings: toml::Table::new() }
    }
}

/// `[baselines]`.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Baselines {
    /// A U-Net on real pairs.
    pub real: bool,
    /// The same with classical augmentation.
    pub real_augmented: bool,
}

/// The seed of whoever names none.
pub(super) fn seed_one() -> Vec<u64> {
    vec![1]
}

fn one() -> u64 {
    1
}
