//! The finished runs below some folders.

use crate::paper::display_name;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use vesalius_data::pack::row::RowId;
use vesalius_data::run::compat;
use vesalius_data::run::files::{Integrity, integrity};
use vesalius_data::run::part::Part;
use vesalius_data::run::score::{Score, VOLUMES};
use vesalius_data::run::{Input, RunResult};
use vesalius_data::text::strings;

/// One finished run with what the report shows of it.
#[derive(Debug)]
pub struct Run {
    /// Its folder.
    pub path: PathBuf,
    /// `result.json`.
    pub result: RunResult,
    /// Whether its files are those that it left.
    pub integrity: Integrity,
}

/// What curves are drawn from: one line of `stats.jsonl`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(from = "Line")]
pub struct Point {
    /// Thousands of real images shown.
    pub kimg: f64,
    /// Losses by name.
    pub losses: BTreeMap<String, f64>,
    /// Fréchet distance, where it was measured.
    pub frechet_distance: Option<f64>,
}

/// As it is written: a GAN's two losses have fields of their own.
#[derive(Deserialize)]
struct Line {
    kimg: f64,
    loss_d: Option<f64>,
    loss_g: Option<f64>,
    #[serde(default)]
    losses: BTreeMap<String, f64>,
    frechet_distance: Option<f64>,
}

impl From<Line> for Point {
    fn from(line: Line) -> Self {
        let mut losses = line.losses;
        let own = [("discriminator", line.loss_d), ("generator", line.loss_g)];
        losses.extend(own.into_iter().filter_map(|(name, loss)| Some((name.to_owned(), loss?))));
        Self { kimg: line.kimg, losses, frechet_distance: line.frechet_distance }
    }
}

impl Run {
    /// The GAN it is about, as a table's row calls it.
    pub fn gan(&self) -> Option<&RowId> {
        self.result.subject.gan.as_ref()
    }

    /// The same as tables write it; `?` where it is about none.
    pub fn gan_name(&self) -> String {
        self.gan().map_or_else(|| "?".to_owned(), display_name)
    }

    /// The same with how it was looked at: as whole volumes, where planes are looked at, too.
    pub fn seen_name(&self) -> String {
        let is_whole = |score: &Score| score.dialect.as_deref() == Some(VOLUMES);
        let whole = self.result.scores.iter().any(is_whole);
        format!("{}{}", self.gan_name(), if whole { ", whole volumes" } else { "" })
    }

    /// Mean Dice per volume, of a U-Net.
    pub fn dice(&self) -> Option<&Score> {
        self.score("dice", Some(&Part::PER_VOLUME_MEAN))
    }

    /// Dice of each test patient, of a U-Net; empty in results that do not hold it.
    pub fn patient_dice(&self) -> BTreeMap<String, f64> {
        self.result
            .scores
            .iter()
            .filter(|score| score.metric == "dice")
            .filter_map(|score| match &score.of {
                Some(Part::Patient(name)) => Some((name.clone(), score.value)),
                _ => None,
            })
            .collect()
    }

    /// The first score of a metric and part.
    pub fn score(&self, metric: &str, of: Option<&Part>) -> Option<&Score> {
        self.result.scores.iter().find(|s| s.metric == metric && s.of.as_ref() == of)
    }

    /// Of a training its distance to the real images, at its best.
    pub fn distance(&self) -> Option<f64> {
        let mut scores = self.result.scores.iter();
        scores.find(|score| score.metric == "frechet_distance").map(|score| score.value)
    }

    /// `stats.jsonl` of a training, empty where there is none. Read when it is asked for: a study has thousands of
    /// trainings, of which a few are drawn.
    ///
    /// # Errors
    /// When a line is no statistics line.
    pub fn stats(&self) -> Result<Vec<Point>> {
        let Some(text) = self.text("stats.jsonl")? else { return Ok(vec![]) };
        let point = |line| {
            serde_json::from_str(line).with_context(|| {
                format!("{}: not a statistics line", self.path.join("stats.jsonl").display())
            })
        };
        text.lines().map(point).collect()
    }

    /// A PNG of its folder; none where it has none.
    ///
    /// # Errors
    /// When it cannot be read, or is no PNG.
    pub fn picture(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let Some(bytes) = self.file(name)? else { return Ok(None) };
        if !bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            bail!("{}: not a PNG picture", self.path.join(name).display());
        }
        Ok(Some(bytes))
    }

    /// What a file of its folder holds as JSON; none where it has none.
    ///
    /// # Errors
    /// When it cannot be read, or holds something else.
    pub fn json<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let Some(bytes) = self.file(name)? else { return Ok(None) };
        let found = strings::from_json(&bytes)
            .with_context(|| format!("{}: not of this version", self.path.join(name).display()))?;
        Ok(Some(found))
    }

    /// A text of its folder; none where it has none.
    ///
    /// # Errors
    /// When it cannot be read, or is no UTF-8.
    pub fn text(&self, name: &str) -> Result<Option<String>> {
        let Some(bytes) = self.file(name)? else { return Ok(None) };
        let text = String::from_utf8(bytes)
            .with_context(|| format!("{}: not a text", self.path.join(name).display()))?;
        Ok(Some(text))
    }

    fn file(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let path = self.path.join(name);
        match vesalius_data::files::read::state(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("{}: cannot be read", path.display())),
        }
    }
}

/// Runs of a stage.
pub fn of_stage<'a, 's>(
    runs: &'s [&'a Run],
    stage: &'s str,
) -> impl Iterator<Item = &'a Run> + use<'a, 's> {
    runs.iter().copied().filter(move |run| run.result.stage == stage)
}

/// All command lines behind the runs, each once: packs first, then trainings, then what judged them.
pub fn commands<'r>(runs: &'r [Run]) -> Vec<&'r str> {
    let stage = |name: &str| {
        let name = name.to_owned();
        let of_stage = runs.iter().filter(move |run| run.result.stage == name);
        // A training has one line per attempt.
        of_stage.flat_map(|run| run.result.command.lines())
    };
    let inputs = runs.iter().flat_map(|run| &run.result.inputs);
    let command = |input: &'r Input| input.command.as_str();
    let (sampled, real): (Vec<&Input>, Vec<&Input>) = inputs
        .filter(|input| !input.command.is_empty())
        .partition(|input| input.synthetic().is_some());
    // Those that a reader knows in their order, then whatever else there is.
    let mut judges =
        vec!["distance", "metrics", "copying", "plausibility", "coherence", "turing", "map"];
    let others: BTreeSet<&str> = runs.iter().map(|run| run.result.stage.as_str()).collect();
    let elsewhere = ["judge", "train", "sample", "segment"];
    let told = |name: &&str| elsewhere.contains(name) || judges.contains(name);
    let others: Vec<&str> = others.into_iter().filter(|name| !told(name)).collect();
    judges.extend(others);
    let mut seen = HashSet::new();
    let all = real
        .into_iter()
        .map(command)
        .chain(stage("train"))
        .chain(sampled.into_iter().map(command))
        .chain(judges.into_iter().flat_map(stage))
        .chain(stage("segment"));
    all.filter(|command| seen.insert(*command)).collect()
}

/// How deep a run may lie below a folder that is named.
const DEPTH: usize = 4;

/// Reads every folder with a `result.json` at or below `folders`, in path order.
///
/// # Errors
/// When there is none, one is damaged, or two hold the same result: counted twice, it would pass for a second seed.
pub fn gather(folders: &[PathBuf]) -> Result<Vec<Run>> {
    let mut paths = Vec::new();
    for folder in folders {
        if !folder.is_dir() {
            bail!("{}: no such folder, expected runs", folder.display());
        }
        find(folder, DEPTH, &mut paths)?;
    }
    paths.sort();
    let mut seen = BTreeSet::new();
    // `runs` and `./runs` are one folder.
    paths.retain(|path| seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())));
    if paths.is_empty() {
        let named: Vec<String> = folders.iter().map(|f| f.display().to_string()).collect();
        bail!("{}: no result.json there or below, expected finished runs", named.join(", "));
    }
    let mut runs: Vec<Run> = paths.into_iter().map(|path| read(&path)).collect::<Result<_>>()?;
    let mut first: HashMap<String, &Run> = HashMap::new();
    for run in &runs {
        if let Some(other) = first.insert(identity(run)?, run) {
            bail!(
                "{} and {}: the same {} twice; expected each run once, leave one out",
                other.path.display(),
                run.path.display(),
                run.result.stage
            );
        }
    }
    drop(first);
    let mut read: Vec<compat::Read> =
        runs.iter_mut().map(|run| (run.path.as_path(), &mut run.result)).collect();
    compat::settle(&mut read);
    Ok(runs)
}

/// Inputs, settings and outcome: two runs that agree in them are copies, or a repetition that tells nothing new.
fn identity(run: &Run) -> Result<String> {
    let RunResult { stage, subject, settings, scores, outcome, inputs, .. } = &run.result;
    let digests: Vec<(&str, &str)> =
        inputs.iter().map(|input| (input.role.as_str(), input.sha256.as_str())).collect();
    Ok(serde_json::to_string(&(stage, subject, settings, scores, outcome, digests))?)
}

fn find(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    // Whatever it is: reading says what is wrong with it.
    if folder.join("result.json").symlink_metadata().is_ok() {
        found.push(folder.to_owned());
        return Ok(());
    }
    if depth > 0 {
        for entry in vesalius_data::layouts::walk::entries(folder)? {
            if entry.is_dir() {
                find(&entry, depth - 1, found)?;
            }
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Run> {
    let result = RunResult::read(path)?;
    Ok(Run { path: path.to_owned(), result, integrity: integrity(path)? })
}

#[cfg(test)]
mod tests {
    use super::Point;

    #[test]
    fn lines_of_any_generator_are_read_by_the_names_of_its_losses() {
        let read = |text: &str| -> Point { serde_json::from_str(text).unwrap() };
        let gan = read(r#"{"kimg": 1.0, "loss_d": 0.5, "loss_g": 2.0, "wall_secs": 3.0}"#);
        assert_eq!(
            Vec::from_iter(gan.losses),
            [("discriminator".to_owned(), 0.5), ("generator".to_owned(), 2.0)]
        );
        let other = read(r#"{"kimg": 1.0, "losses": {"noise": 0.5}, "frechet_distance": 4.0}"#);
        assert_eq!(Vec::from_iter(other.losses), [("noise".to_owned(), 0.5)]);
        assert_eq!(other.frechet_distance, Some(4.0));
    }
}
