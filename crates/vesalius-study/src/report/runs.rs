//! The finished runs below some folders.

use crate::run_dir::RunResult;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// One finished run with what the report shows of it.
#[derive(Debug)]
pub struct Run {
    /// Its folder.
    pub path: PathBuf,
    /// `result.json`.
    pub result: RunResult,
    /// `samples.png`, of a training.
    pub samples: Option<Vec<u8>>,
    /// `stats.jsonl`, of a training.
    pub stats: Vec<Point>,
}

/// What curves are drawn from: one line of `stats.jsonl`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Point {
    /// Thousands of real images shown.
    pub kimg: f64,
    /// Discriminator loss.
    pub loss_d: f64,
    /// Generator loss.
    pub loss_g: f64,
    /// Fréchet distance, where it was measured.
    #[serde(default)]
    pub frechet_distance: Option<f64>,
}

/// All command lines behind the runs, each once: packs first, then trainings, then what judged them.
pub fn commands(runs: &[Run]) -> Vec<&str> {
    let stage = |name: &str| {
        let name = name.to_owned();
        runs.iter()
            .filter(move |run| run.result.stage == name)
            .map(|run| run.result.command.as_str())
    };
    let inputs = runs.iter().flat_map(|run| &run.result.inputs).map(|input| input.command.as_str());
    let (real, sampled): (Vec<&str>, Vec<&str>) = inputs
        .filter(|command| !command.is_empty())
        .partition(|command| !command.starts_with("vesalius sample"));
    let mut found: Vec<&str> = vec![];
    let all = real
        .into_iter()
        .chain(stage("train"))
        .chain(sampled)
        .chain(stage("distance"))
        .chain(stage("segment"));
    for command in all {
        if !found.contains(&command) {
            found.push(command);
        }
    }
    found
}

/// How deep a run may lie below a folder that is named.
const DEPTH: usize = 4;

/// Reads every folder with a `result.json` at or below `folders`, in path order.
///
/// # Errors
/// When there is none, or one is damaged.
pub fn gather(folders: &[PathBuf]) -> Result<Vec<Run>> {
    let mut paths = Vec::new();
    for folder in folders {
        if !folder.is_dir() {
            bail!("{}: no such folder, expected runs", folder.display());
        }
        find(folder, DEPTH, &mut paths)?;
    }
    paths.sort();
    paths.dedup();
    if paths.is_empty() {
        bail!("no result.json below the folders given, expected finished runs");
    }
    paths.into_iter().map(|path| read(&path)).collect()
}

fn find(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    if folder.join("result.json").is_file() {
        found.push(folder.to_owned());
        return Ok(());
    }
    if depth > 0 {
        for entry in crate::data::source::entries(folder)? {
            if entry.is_dir() {
                find(&entry, depth - 1, found)?;
            }
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Run> {
    let result = RunResult::read(path)?;
    let samples = std::fs::read(path.join("samples.png")).ok();
    let stats_path = path.join("stats.jsonl");
    let stats = match std::fs::read_to_string(&stats_path) {
        Ok(text) => text
            .lines()
            .map(|line| {
                serde_json::from_str(line)
                    .with_context(|| format!("{}: not a statistics line", stats_path.display()))
            })
            .collect::<Result<_>>()?,
        Err(_) => vec![],
    };
    Ok(Run { path: path.to_owned(), result, samples, stats })
}
