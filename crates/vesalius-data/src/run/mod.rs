//! What a run leaves behind: `task.toml`, `stats.jsonl`, previews, checkpoints and, at the end, `result.json`.

pub mod compat;
pub mod copying;
mod digests;
pub mod facts;
pub mod files;
pub mod meter;
pub mod metric;
pub mod part;
pub mod precision;
pub mod score;
pub mod segmented;

pub use digests::RESULT;

use crate::files::{publish, seal};
use crate::pack::Pack;
use crate::pack::row::RowId;
use crate::run::facts::{PackFacts, SyntheticFacts, TrainingFacts};
use crate::run::score::Score;
use crate::text::{label, strings};
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Version of `result.json`. 1 had neither digests nor a seal; it opens.
pub const RESULT_FORMAT: u32 = 2;
/// The version before.
pub(crate) const UNSEALED: u32 = 1;

/// How a run ended. Divergence is an outcome, never a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// Everything that was asked for was done.
    Finished,
    /// Training broke down; the reason says when and how.
    Diverged {
        /// When and how, in one line.
        reason: String,
    },
}

/// What the run was about: the report finds its table cells by this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Name of the dataset (`acdc`), from the real pack's manifest.
    pub dataset: String,
    /// Whose synthetic images it is about, where some are involved; of a training its preset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gan: Option<RowId>,
    /// What a segmentation network was trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trained_on: Option<TrainedOn>,
}

/// The training sets that Table 2 compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrainedOn {
    /// Real training patients.
    Real,
    /// Real training patients with rotations, shifts and flips.
    RealAugmented,
    /// Synthetic pairs alone.
    Synthetic,
    /// Real and synthetic pairs together.
    RealAndSynthetic,
}

/// A file or folder that went into a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// What it was to the run: `pack`, `train`, `test`, `real`, `synthetic`, …
    pub role: String,
    /// Where it lay.
    pub path: PathBuf,
    /// SHA-256 of its content (of a pack: its digest).
    pub sha256: String,
    /// The command line that made it, where it is known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub command: String,
    /// What its manifest says, of a pack; none in results of older versions, and of what is no pack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pack: Option<PackFacts>,
}

impl Input {
    /// A pack as an input.
    pub fn pack(role: &str, pack: &Pack) -> Self {
        Self {
            role: role.to_owned(),
            path: pack.path().to_owned(),
            sha256: pack.digest().to_owned(),
            command: pack.manifest().command.clone(),
            pack: Some(PackFacts::of(pack)),
        }
    }

    /// The fold that was read, where it is a pack of real images.
    pub fn fold(&self) -> Option<&facts::Fold> {
        match &self.pack {
            Some(PackFacts::Real(facts)) => facts.fold.as_ref(),
            _ => None,
        }
    }

    /// Digest of the pack as a whole, where a fold of it or some of its training patients were read; else its own.
    pub fn whole(&self) -> &str {
        let fold = self.fold().map(|fold| &fold.pack);
        fold.or_else(|| self.patients().map(|few| &few.pack)).unwrap_or(&self.sha256)
    }

    /// How many training patients were read, where only some were.
    pub fn patients(&self) -> Option<&facts::Patients> {
        match &self.pack {
            Some(PackFacts::Real(facts)) => facts.patients.as_ref(),
            _ => None,
        }
    }

    /// What is known of a synthetic pack.
    pub fn synthetic(&self) -> Option<&SyntheticFacts> {
        match &self.pack {
            Some(PackFacts::Synthetic(facts)) => Some(facts),
            _ => None,
        }
    }

    /// Whether it is known to be a pack of real images.
    pub fn is_real(&self) -> bool {
        matches!(self.pack, Some(PackFacts::Real(_)))
    }
}

/// What a run used, where it could be read.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Cost {
    /// Images that it worked through (of a training: shown to the discriminator), over all attempts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<u64>,
    /// Greatest resident memory of the last attempt, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
    /// Energy of the processor packages during the last attempt, whatever else ran on them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy_joules: Option<f64>,
}

/// The content of `result.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// [`RESULT_FORMAT`].
    pub format: u32,
    /// `train`, `distance`, `metrics`, `segment`, `copying`, `plausibility`, `turing` or `map`.
    pub stage: String,
    /// What it was about.
    pub subject: Subject,
    /// How it ended.
    pub outcome: Outcome,
    /// What was measured.
    pub scores: Vec<Score>,
    /// What went in.
    pub inputs: Vec<Input>,
    /// Wall-clock seconds, over all attempts.
    pub wall_secs: f64,
    /// Images, memory, energy.
    #[serde(default)]
    pub cost: Cost,
    /// The command line that made it.
    pub command: String,
    /// Vesalius' version.
    pub vesalius: String,
    /// Machine: processor, threads, LibTorch.
    pub machine: String,
    /// The protocol's settings, stage by stage its own (seed, steps, batch, …).
    #[serde(default)]
    pub settings: serde_json::Value,
    /// Patients on both sides that `--allow-overlap` let pass, a sentence for each pair of packs. None where nobody
    /// asked:
    /// one pack alone, or a version older than the question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<Vec<String>>,
    /// What a training left to be sampled; none in results of older versions, and of other stages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<TrainingFacts>,
    /// SHA-256 of every other file of the folder but checkpoints, which have their own; filled by
    /// [`RunResult::publish`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
}

/// Refuses a folder that holds a finished run: results are never overwritten.
///
/// # Errors
/// When `RUN/result.json` exists.
pub fn refuse_finished(run: &Path) -> Result<()> {
    if run.join("result.json").exists() {
        bail!("{}: holds a finished run, expected a new folder", run.display());
    }
    Ok(())
}

impl RunResult {
    /// Publishes `RUN/result.json`; `false` when a result is already there.
    ///
    /// # Errors
    /// When a score is not finite, or the folder cannot be written.
    pub fn publish(&self, run: &Path) -> Result<bool> {
        for score in &self.scores {
            if !score.value.is_finite() {
                bail!(
                    "{}: score {} is {}, expected a finite number",
                    run.display(),
                    score.metric,
                    score.value
                );
            }
        }
        let files = digests::of_run(run)?;
        let this = Self { format: RESULT_FORMAT, files, ..self.clone() };
        let mut bytes = seal::sealed(&this)?;
        // Paths in settings, words of other programs: what is written has to pass when it is read.
        if strings::from_json::<serde::de::IgnoredAny>(&bytes).is_err() {
            let mut value = serde_json::to_value(&this)?;
            strings::printable(&mut value);
            bytes = seal::sealed(&value)?;
        }
        publish::write_file_once(&run.join(RESULT), &bytes)
    }

    /// Reads `RUN/result.json`.
    ///
    /// # Errors
    /// When there is none, or it is of another format.
    pub fn read(run: &Path) -> Result<Self> {
        let path = run.join(RESULT);
        let text = crate::files::read::state(&path).with_context(|| {
            format!("{}: cannot be read; expected a finished run", path.display())
        })?;
        let result: Self = strings::from_json(&text)
            .with_context(|| format!("{}: not a result of this version", path.display()))?;
        if !(UNSEALED..=RESULT_FORMAT).contains(&result.format) {
            bail!("{}: format {}, expected {RESULT_FORMAT}", path.display(), result.format);
        }
        result.check_names().with_context(|| format!("{}", path.display()))?;
        Ok(result)
    }

    /// What tables, figures and files are called by is short; that all texts are printable was seen when they were
    /// read.
    fn check_names(&self) -> Result<()> {
        let check = |what: &'static str, name: Option<&String>| {
            name.map_or(Ok(()), |name| label::check(name)).context(what)
        };
        check("stage", Some(&self.stage))?;
        check("subject.dataset", Some(&self.subject.dataset))?;
        check("subject.gan", self.subject.gan.as_ref().map(RowId::to_string).as_ref())?;
        for score in &self.scores {
            check("scores.metric", Some(&score.metric))?;
            check("scores.of", score.of.as_ref().map(ToString::to_string).as_ref())?;
            check("scores.extractor", score.extractor.as_ref())?;
            check("scores.dialect", score.dialect.as_ref())?;
        }
        self.inputs.iter().try_for_each(|input| check("inputs.role", Some(&input.role)))
    }
}
