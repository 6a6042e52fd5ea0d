//! The study file: which data, which GANs, which search, and what happens to the best.

mod check;
mod controls;
mod sections;
pub mod slurm;

pub(crate) use controls::includes;
pub use controls::{Controls, Dose};
pub use sections::{
    Asked, Baselines, Best, Budget, Dataset, Folds, Gan, ImportedPack, Judged, Masks, Question,
    Search, Unet,
};

use crate::search::{self, Sampler};
use crate::space::Space;
use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use slurm::Settings;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use vesalius_data::pack::row::{Made, RowId, RowMasks};
use vesalius_data::pack::view::{self, View};
use vesalius_data::run::precision::Precision;
use vesalius_data::text::{nearest, strings};

/// The content of `STUDY.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Study {
    /// What it is called; two studies in one folder have different names.
    pub name: String,
    /// Folder of tasks and store, relative to the study file. Studies with the same folder share finished tasks.
    pub out: PathBuf,
    /// Settings of every training, `path=value`.
    #[serde(default)]
    pub set: Vec<Spanned<String>>,
    /// Seeds of the trainings: each point of the search is trained once with each.
    #[serde(default = "sections::seed_one")]
    pub seeds: Vec<u64>,
    /// Arithmetic of all trainings, samples and U-Nets that do not say their own; f32 by default.
    #[serde(default)]
    pub precision: Precision,
    /// Folds of the datasets' packs, each worked on as a dataset of its own.
    #[serde(default)]
    pub folds: Option<Spanned<Folds>>,
    /// Datasets; of a study in folds one for each fold.
    pub dataset: Vec<Dataset>,
    /// GANs.
    pub gan: Vec<Gan>,
    /// Images of other programs, judged like those of the GANs' best runs.
    #[serde(default)]
    pub imported: Vec<ImportedPack>,
    /// How much.
    pub budget: Budget,
    /// Where to look.
    pub search: Search,
    /// What happens to the best run of each GAN on each dataset.
    #[serde(default)]
    pub best: Option<Best>,
    /// What the report is to answer first.
    #[serde(default)]
    pub question: Question,
    /// The U-Net that measures Dice.
    #[serde(default)]
    pub unet: Unet,
    /// U-Nets without a GAN.
    #[serde(default)]
    pub baselines: Baselines,
    /// What stands beside the question.
    #[serde(default)]
    pub controls: Controls,
    /// How the answer hangs on how much there is.
    #[serde(default)]
    pub dose: Option<Dose>,
    /// What jobs of a Slurm cluster ask for, if it runs on one.
    #[serde(default)]
    pub slurm: Option<Spanned<Settings>>,
    #[serde(skip)]
    file: File,
}

#[derive(Debug, Clone, Default)]
struct File {
    path: PathBuf,
    text: String,
}

impl Study {
    /// Reads and checks a study file.
    ///
    /// # Errors
    /// One line with file, line and column: what was found, what was expected.
    pub fn read(path: &Path) -> Result<Self> {
        let text = vesalius_data::files::read::text(path).with_context(|| {
            format!("{}: cannot be read; expected a study file", path.display())
        })?;
        Self::parse(path, text)
    }

    /// Checks the text of a study file; `path` is for messages, and what the file names is relative to it.
    ///
    /// # Errors
    /// As [`Study::read`].
    pub fn parse(path: &Path, text: String) -> Result<Self> {
        let file = File { path: path.to_owned(), text };
        let mut study: Self = toml::from_str(&file.text).map_err(|error| {
            let at = file.at(&error.span().unwrap_or_default());
            anyhow::anyhow!("{at}: {}", nearest::with_hint(error.message()))
        })?;
        study.file = file;
        let whole: toml::Value = toml::from_str(&study.file.text)?;
        strings::check_toml("", &whole)
            .with_context(|| format!("{}", study.file.path.display()))?;
        study.enter_folds()?;
        study.check()?;
        Ok(study)
    }

    /// Puts the folds of each dataset in its place.
    fn enter_folds(&mut self) -> Result<()> {
        let Some(folds) = &self.folds else { return Ok(()) };
        let numbers = folds.get_ref().numbers();
        let distinct: BTreeSet<usize> = numbers.iter().copied().collect();
        if numbers.is_empty() || distinct.len() < numbers.len() {
            let at = self.at(&folds.span());
            bail!(
                "{at}: folds {numbers:?}, expected how many there are, or some of them, each once"
            );
        }
        let of_each = |dataset: &Dataset| -> Vec<Dataset> {
            let in_fold = |number: &usize| Dataset {
                pack: Spanned::new(
                    dataset.pack.span(),
                    view::name(dataset.pack.get_ref(), View::Fold(*number)),
                ),
                name: Some(format!("{}-fold-{number}", dataset.name())),
            };
            numbers.iter().map(in_fold).collect()
        };
        self.dataset = self.dataset.iter().flat_map(of_each).collect();
        Ok(())
    }

    /// `FILE:LINE:COLUMN` of a part.
    pub fn at(&self, span: &Range<usize>) -> String {
        self.file.at(span)
    }

    /// `FILE:LINE:1` of the first line that begins so; the file alone where none does.
    pub fn at_line(&self, start: &str) -> String {
        let path = self.file.path.display();
        let line = self.file.text.lines().position(|line| line.trim_start().starts_with(start));
        line.map_or_else(|| path.to_string(), |line| format!("{path}:{}:1", line + 1))
    }

    /// The study file.
    pub fn path(&self) -> &Path {
        &self.file.path
    }

    /// A path of the study file, which is relative to it.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.file.path.parent().unwrap_or(Path::new("")).join(path)
    }

    /// Folder of tasks and store.
    pub fn folder(&self) -> PathBuf {
        self.resolve(&self.out)
    }

    /// What jobs of a Slurm cluster ask for: the cluster's own defaults where the file says nothing.
    pub fn slurm(&self) -> Settings {
        self.slurm.as_ref().map(|slurm| slurm.get_ref().clone()).unwrap_or_default()
    }

    /// Weights that the trainings of a GAN start from.
    pub fn init_of(&self, gan: &Gan) -> Option<PathBuf> {
        gan.init_from.as_ref().map(|path| self.resolve(path.get_ref()))
    }

    /// The GAN that the study calls so.
    pub fn gan_named(&self, name: &str) -> Option<&Gan> {
        self.gan.iter().find(|gan| gan.name() == name)
    }

    /// The row of tables that the pairs of a GAN's best run stand in.
    pub fn row_of(&self, gan: &Gan) -> RowId {
        let preset = |name: &String| {
            let other = self.gan_named(name);
            other.map_or_else(|| name.clone(), |other| other.preset.get_ref().clone())
        };
        let masks = match gan.masks() {
            Masks::Training => RowMasks::Own,
            Masks::Warped => RowMasks::Warped,
            Masks::Of(name) => {
                RowMasks::Of { generator: preset(name), plausible_only: false, warps: 0 }
            }
        };
        let made = Made { masks, stacked: gan.slices, ..Made::of(gan.preset.get_ref()) };
        RowId { made: vec![made] }
    }

    /// The space of a GAN.
    pub fn space<'a>(&'a self, gan: &'a Gan) -> Space<'a> {
        Space { parameters: &self.search.parameter, preset: gan.preset.get_ref() }
    }

    /// Settings of every training of a GAN.
    pub fn settings(&self, gan: &Gan) -> Vec<String> {
        let all = (!self.precision.is_default())
            .then(|| format!("training.precision={}", self.precision));
        all.into_iter().chain(self.set_of(gan).map(|setting| setting.get_ref().clone())).collect()
    }

    /// The same with where they stand.
    pub fn set_of<'a>(
        &'a self,
        gan: &'a Gan,
    ) -> impl DoubleEndedIterator<Item = &'a Spanned<String>> {
        self.set.iter().chain(&gan.set)
    }

    /// Length of a GAN's trainings, thousands of images.
    pub fn kimg(&self, gan: &Gan) -> f64 {
        *gan.kimg.as_ref().unwrap_or(&self.budget.kimg).get_ref()
    }

    /// Trainings of each group (datasets × GANs): even shares, the first ones get what does not divide; what a small
    /// space has no use for goes to the others.
    pub fn shares(&self) -> Vec<usize> {
        let runs = *self.budget.runs.get_ref();
        let most: Vec<usize> = self.groups().map(|(_, gan)| self.most_runs(gan, runs)).collect();
        let mut shares = vec![0; most.len()];
        let mut left = runs;
        loop {
            let open: Vec<usize> = (0..most.len()).filter(|&i| shares[i] < most[i]).collect();
            if left == 0 || open.is_empty() {
                return shares;
            }
            let (each, rest) = (left / open.len(), left % open.len());
            for (position, &i) in open.iter().enumerate() {
                let more = (each + usize::from(position < rest)).min(most[i] - shares[i]);
                shares[i] += more;
                left -= more;
            }
        }
    }

    /// Trainings that a GAN's space has points for, up to `runs`.
    fn most_runs(&self, gan: &Gan, runs: usize) -> usize {
        let parameters = &self.search.parameter;
        let space = self.space(gan);
        let endless = (0..parameters.len())
            .any(|i| parameters[i].range.is_some() && space.with(i, 0.0).is_some());
        match self.search.sampler.get_ref() {
            // Later rungs try points again.
            Sampler::Halving { .. } => runs,
            // Of a range a grid has the points that the file names; the others never come to its end.
            Sampler::Random { .. } | Sampler::Tpe { .. } if endless => runs,
            Sampler::Grid {} | Sampler::Random { .. } | Sampler::Tpe { .. } => {
                search::grid_size(space, runs).map_or(runs, |n| n * self.seeds.len()).min(runs)
            }
        }
    }
}

impl File {
    fn at(&self, span: &Range<usize>) -> String {
        let before = &self.text[..span.start.min(self.text.len())];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
        format!("{}:{line}:{column}", self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
name = "small"
out = "out"
[[dataset]]
pack = "packs/a"
[[gan]]
preset = "x"
[[gan]]
preset = "y"
[budget]
runs = 5
kimg = 10.0
[search]
sampler = { kind = "random" }
[[search.parameter]]
paths = ["a.b"]
choices = [1, 2]
[[search.parameter]]
paths = ["c"]
range = [0.1, 1.0]
when = { preset = ["y"], "a.b" = [2] }
"#;

    fn read(text: &str) -> Result<Study> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study.toml");
        std::fs::write(&path, text).unwrap();
        Study::read(&path)
    }

    #[test]
    fn runs_are_dealt_out_and_none_is_lost() {
        let study = read(GOOD).unwrap();
        assert_eq!(study.shares(), [2, 3], "x has two points");
        let more = read(&GOOD.replace("runs = 5", "runs = 9")).unwrap();
        assert_eq!(more.shares(), [2, 7]);
        assert_eq!(study.dataset[0].name(), "a");
    }

    #[test]
    fn a_preset_may_make_volumes_and_slices_and_each_has_a_row() {
        let twice = "preset = \"x\"\n[[gan]]\npreset = \"x\"\nslices = true\nmasks = \"warped\"\n[[gan]]\npreset = \
                     \"z\"\nmasks = \"x-slices\"\n";
        let text = GOOD.replacen("preset = \"x\"\n", twice, 1);
        let study = read(&text.replace("runs = 5", "runs = 50")).unwrap();
        let names: Vec<String> = study.gan.iter().map(Gan::name).collect();
        assert_eq!(names, ["x", "x-slices", "z", "y"]);
        let rows = study.gan.iter().map(|gan| study.row_of(gan).to_string());
        let expected = ["x", "x, warped masks, stacked slices", "z, masks of x", "y"];
        assert_eq!(rows.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn folds_are_datasets_of_their_own() {
        let study = read(&GOOD.replace("[[dataset]]", "folds = [0, 2]\n[[dataset]]")).unwrap();
        let names: Vec<String> = study.dataset.iter().map(Dataset::name).collect();
        assert_eq!(names, ["a-fold-0", "a-fold-2"]);
        assert_eq!(study.dataset[1].pack.get_ref(), Path::new("packs/a/fold-2"));
        assert_eq!(study.shares().len(), 4);
    }

    #[test]
    fn what_is_wrong_is_named_with_line_and_column() {
        for (from, to, parts) in [
            ("runs = 5", "run = 5", &[":11:1:", "unknown field `run`"][..]),
            ("runs = 5", "runs = 1", &[":11:8:", "1 run", "2 GANs"]),
            ("[budget]", "[question]\ngan = \"z\"\n[budget]", &[":11:7:", "gan = z", "x, y"]),
            ("[budget]", "[question]\nmargin = 0.0\n[budget]", &[":11:10:", "between 0 and 1"]),
            ("[budget]", "[question]\nlevel = 0.5\n[budget]", &[":11:9:", "at most 0.2"]),
            ("[[dataset]]", "folds = []\n[[dataset]]", &[":4:9:", "folds []"]),
            ("[[dataset]]", "folds = [1, 1]\n[[dataset]]", &[":4:9:", "each once"]),
            ("[budget]", "[question]\nmargins = 0.1\n[budget]", &["unknown field `margins`"]),
            ("kimg = 10.0", "kimg = -1.0", &[":12:8:", "above 0"]),
            ("kimg = 10.0", "kimg = \"x\"", &[":12:8:", "f64"]),
            ("choices = [1, 2]", "choices = []", &[":17:11:", "empty"]),
            ("choices = [1, 2]", "choices = [1, 1]", &[":17:11:", "twice"]),
            ("choices = [1, 2]", "", &[":16:9:", "expected choices or a range"]),
            ("[0.1, 1.0]", "[1.0, 0.1]", &[":20:9:", "below"]),
            ("[0.1, 1.0]", "[0.0, 1.0]\nscale = \"log\"", &[":20:9:", "above 0"]),
            ("preset = [\"y\"]", "preset = [\"z\"]", &[":21:8:", "can never hold", "z"]),
            ("\"a.b\" = [2]", "\"a.b\" = [3]", &[":21:8:", "can never hold", "3"]),
            ("\"a.b\" = [2]", "\"a.c\" = [2]", &[":21:8:", "a.c", "earlier"]),
            ("paths = [\"c\"]", "paths = []", &[":19:9:", "empty"]),
            ("paths = [\"c\"]", "paths = [\"a.b\"]", &[":19:9:", "a.b", "already"]),
            ("kind = \"random\"", "kind = \"grid\"", &[":19:9:", "points"]),
            ("kind = \"random\"", "kind = \"radom\"", &[":14:", "radom"]),
            ("preset = \"y\"", "preset = \"x\"", &[":9:10:", "twice"]),
            ("\"y\"", "\"y\"\nmasks = \"z\"", &[":10:9:", "masks = z", "no [[gan]]", "training"]),
            ("\"y\"", "\"y\"\nmasks = \"y\"", &[":10:9:", "masks = y", "of another GAN itself"]),
            ("\"y\"", "\"y\"\nmasks = 1", &[":10:9:", "string"]),
            ("\"y\"", "\"y\"\nkimg = 0", &[":10:8:", "0 kimg", "above 0"]),
            ("name = \"small\"", "name = \"a/b\"", &[":2:1:", "name", "a/b"]),
            ("name = \"small\"", "name = \"small\"\nseeds = []", &[":3:1:", "seeds"]),
            ("kimg = 10.0", "kimg = 10.0\nhours = -3.0", &[":13:1:", "hours", "above 0"]),
            ("[search]", "[unet]\nseeds = []\n[search]", &[":13:1:", "[unet]"]),
            (
                "[search]",
                "[best]\ncount = 9\ndistance = [\"a\", \"a\"]\n[search]",
                &[":13:1:", "[best]", "twice"],
            ),
            ("[search]", "[slurm]\ncpus = 0\n[search]", &[":13:1:", "cpus = 0"]),
            ("[search]", "[slurm]\npartiton = \"x\"\n[search]", &[":14:1:", "partiton"]),
        ] {
            let error = format!("{:#}", read(&GOOD.replacen(from, to, 1)).unwrap_err());
            assert!(!error.contains('\n'), "{error}");
            for part in parts {
                assert!(error.contains(part), "{to}: `{error}` lacks `{part}`");
            }
        }
    }

    #[test]
    fn conditions_that_exclude_each_other_are_found() {
        let text = GOOD.to_owned()
            + "[[search.parameter]]\npaths = [\"d\"]\nchoices = [1, 2]\nwhen = { preset = [\"x\"] }\n\
               [[search.parameter]]\npaths = [\"e\"]\nchoices = [1]\nwhen = { preset = [\"y\"], d = [1] }\n";
        let error = read(&text).unwrap_err().to_string();
        assert!(error.contains(":29:8:") && error.contains("never hold"), "{error}");
    }
}
