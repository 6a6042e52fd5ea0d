//! What a study's folder says now, for pages that look at it. Reads the store and the folders of tasks, and writes
//! nothing.

use anyhow::{Context as _, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use vesalius_data::files::lock::holder;
use vesalius_data::run::RunResult;
use vesalius_report::evidence::runs::Point;
use vesalius_study::plan::{Plan, Planned, Progress};
use vesalius_study::task_dir::TaskDir;

/// What is known of a study: its plan needs the crate of the GANs, so it is handed in.
#[derive(Debug)]
pub struct Known {
    /// Name of the study.
    pub study: String,
    /// Its tasks.
    pub plan: Plan,
    /// What the store says of them.
    pub progress: Progress,
    /// Of all that is left, one task after the other.
    pub secs_left: Option<f64>,
}

type Look = Box<dyn Fn() -> Result<Known> + Send + Sync>;

/// A study that is looked at.
pub struct Watch {
    out: PathBuf,
    look: Look,
    /// The newest overview, and when somebody looked last.
    newest: tokio::sync::watch::Sender<Arc<Overview>>,
    looked: Mutex<Option<Instant>>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("out", &self.out).finish_non_exhaustive()
    }
}

/// The study in numbers, and all its tasks.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Overview {
    /// Name of the study.
    pub study: String,
    /// Tasks by state.
    pub counts: BTreeMap<&'static str, usize>,
    /// The best training of each GAN on each dataset.
    pub best: Vec<Best>,
    /// On one job; absent where some stage has no finished task to go by.
    pub secs_left: Option<f64>,
    /// Tasks in the order in which they are best started.
    pub runs: Vec<Line>,
    /// Why there is nothing newer.
    pub error: Option<String>,
}

/// A training that is the best of its GAN on its dataset.
#[derive(Debug, PartialEq, Serialize)]
pub struct Best {
    /// What the study calls the dataset.
    pub dataset: String,
    /// Name of the preset.
    pub gan: String,
    /// Least Fréchet distance.
    pub distance: f64,
    /// Whether the search is over.
    pub last_word: bool,
    /// Name of its folder.
    pub name: String,
    /// Settings that the search chose.
    pub what: String,
}

/// One task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// Name of its folder.
    pub name: String,
    /// `train`, …
    pub stage: &'static str,
    /// What the study calls the dataset.
    pub dataset: String,
    /// Name of the preset.
    pub gan: Option<String>,
    /// Settings that the search chose, or what a U-Net is trained on.
    pub what: String,
    /// `finished`, `diverged`, `failed`, `cancelled`, `blocked`, `running`, `to_do`.
    pub state: &'static str,
    /// Least Fréchet distance, of a finished training.
    pub distance: Option<f64>,
    /// Seconds, of a finished task.
    pub wall_secs: Option<f64>,
    /// Thousands of images, of a training that has begun.
    pub kimg: Option<f64>,
}

/// Everything about one task.
#[derive(Debug, Serialize)]
pub struct Detail {
    /// The same as in the overview.
    pub line: Line,
    /// Every setting.
    pub spec: serde_json::Value,
    /// Curves, thinned out where they are long.
    pub stats: Vec<Curve>,
    /// Thousands of images at which previews were drawn, ascending.
    pub previews: Vec<f64>,
    /// Attempts so far.
    pub attempts: usize,
    /// The last lines that workers said.
    pub log: Vec<String>,
    /// What was measured, where it is finished.
    pub scores: Vec<vesalius_data::run::score::Score>,
    /// Why the last attempts failed.
    pub failures: Vec<String>,
}

/// A point of a training's curves.
#[derive(Debug, Serialize)]
pub struct Curve {
    kimg: f64,
    losses: BTreeMap<String, f64>,
    distance: Option<f64>,
}

/// Looks are at least so far apart.
const APART: Duration = Duration::from_millis(900);
/// Points of a curve that are sent.
const POINTS: usize = 600;
/// Lines of a log that are sent.
const LINES: usize = 60;
/// A task whose folder was not written to for so long is not called running: its worker is gone, or asleep.
const SILENT: Duration = Duration::from_mins(15);

impl Watch {
    /// Looks at a study whose tasks lie in `out`.
    pub fn new(out: PathBuf, look: Look) -> Self {
        let (newest, _) = tokio::sync::watch::channel(Arc::default());
        Self { out, look, newest, looked: Mutex::new(None) }
    }

    /// Hears of every change.
    pub fn subscribe(&self) -> tokio::sync::watch::Receiver<Arc<Overview>> {
        self.newest.subscribe()
    }

    /// Whether somebody wants to hear of changes.
    pub fn is_watched(&self) -> bool {
        self.newest.receiver_count() > 0
    }

    /// What is known now; looks again if the last look is old. Blocks.
    pub fn overview(&self) -> Arc<Overview> {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if looked.is_none_or(|since| since.elapsed() >= APART) {
            let now = Arc::new(self.now());
            *looked = Some(Instant::now());
            self.newest.send_if_modified(|newest| {
                let differs = **newest != *now;
                *newest = Arc::clone(&now);
                differs
            });
        }
        Arc::clone(&self.newest.borrow())
    }

    fn now(&self) -> Overview {
        match (self.look)() {
            Ok(known) => self.describe(&known),
            Err(error) => Overview { error: Some(format!("{error:#}")), ..Overview::default() },
        }
    }

    fn describe(&self, known: &Known) -> Overview {
        let Known { plan, progress, .. } = known;
        let blocked = plan.blocked(progress);
        let is_coordinated = holder(&self.out).is_some();
        let mut counts = BTreeMap::new();
        let runs: Vec<Line> = plan
            .tasks
            .iter()
            .map(|planned| {
                let is_blocked = blocked.contains(&planned.key);
                let line = self.line(planned, progress, is_blocked, is_coordinated);
                *counts.entry(line.state).or_default() += 1;
                line
            })
            .collect();
        for (state, count) in [("later", plan.later.values().sum()), ("withheld", plan.withheld)] {
            if count > 0 {
                counts.insert(state, count);
            }
        }
        let best = plan.best.iter().map(|best| Best {
            dataset: best.dataset.clone(),
            gan: best.gan.clone(),
            distance: best.distance,
            last_word: best.last_word,
            name: format!("train-{}", best.key),
            what: best.what.clone(),
        });
        Overview {
            study: known.study.clone(),
            best: best.collect(),
            secs_left: known.secs_left,
            counts,
            runs,
            error: None,
        }
    }

    fn line(
        &self,
        planned: &Planned,
        progress: &Progress,
        is_blocked: bool,
        is_coordinated: bool,
    ) -> Line {
        let stage = planned.task.stage;
        let folder = TaskDir::of(&self.out, stage, &planned.key);
        let finished = progress.finished.get(&planned.key);
        let state = match finished {
            Some(finished) if finished.diverged.is_some() => "diverged",
            Some(_) => "finished",
            None if folder.is_cancelled() => "cancelled",
            None if progress.given_up.contains(&planned.key) => "failed",
            None if is_blocked => "blocked",
            None if is_coordinated && is_running(&folder) => "running",
            None => "to_do",
        };
        let name = folder.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        let begun = stage.name() == "train" && (finished.is_some() || state == "running");
        Line {
            name,
            stage: stage.name(),
            dataset: planned.dataset.clone(),
            gan: planned.gan.clone(),
            what: planned.what.clone(),
            state,
            distance: finished.and_then(|finished| finished.distance),
            wall_secs: finished.map(|finished| finished.wall_secs),
            kimg: if begun {
                finished
                    .and_then(|finished| finished.images)
                    .map(|images| images as f64 / 1000.0)
                    .or_else(|| last_point(&newest(&folder)?).map(|point| point.kimg))
            } else {
                None
            },
        }
    }

    /// A task by the name of its folder: one of the overview's, and no other.
    fn find(&self, name: &str) -> Option<(Line, TaskDir)> {
        let overview = self.overview();
        let line = overview.runs.iter().find(|line| line.name == name)?.clone();
        let folder = TaskDir::at(&self.out.join("tasks").join(&line.name));
        Some((line, folder))
    }

    /// Everything about a task; none where there is no such task. Blocks.
    ///
    /// # Errors
    /// When a file of it cannot be read.
    pub fn detail(&self, name: &str) -> Result<Option<Detail>> {
        let Some((line, folder)) = self.find(name) else { return Ok(None) };
        let spec = vesalius_study::task::Task::read(folder.path())
            .map(|task| task.spec)
            .unwrap_or_default();
        let all = newest(&folder).map(|attempt| stats(&attempt)).unwrap_or_default();
        let step = all.len().div_ceil(POINTS).max(1);
        let last = all.len().saturating_sub(1);
        let kept = all
            .into_iter()
            .enumerate()
            .filter(|(i, point)| i % step == 0 || *i == last || point.frechet_distance.is_some());
        let stats = kept.map(|(_, point)| Curve {
            kimg: point.kimg,
            losses: point.losses,
            distance: point.frechet_distance,
        });
        let scores =
            if folder.is_finished() { RunResult::read(folder.path())?.scores } else { vec![] };
        Ok(Some(Detail {
            line,
            spec,
            stats: stats.collect(),
            previews: previews(&folder).into_keys().map(|images| images as f64 / 1000.0).collect(),
            attempts: folder.attempts()?.len(),
            log: folder.last_lines(LINES),
            scores,
            failures: folder.failures()?.into_iter().map(|failure| failure.reason).collect(),
        }))
    }

    /// The preview of a task at a place of its list; none where there is none. Blocks.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn preview(&self, name: &str, place: usize) -> Result<Option<Vec<u8>>> {
        let Some((_, folder)) = self.find(name) else { return Ok(None) };
        let Some((_, path)) = previews(&folder).into_iter().nth(place) else { return Ok(None) };
        let png = vesalius_data::files::read::state(&path)
            .with_context(|| format!("{}: cannot be read", path.display()))?;
        Ok(Some(png))
    }
}

/// Folder of the last attempt; none where they cannot be listed, which whoever works there is told.
fn newest(folder: &TaskDir) -> Option<PathBuf> {
    folder.attempts().ok()?.last().map(|&number| folder.attempt(number))
}

/// Whether a worker is at it, as far as files tell: the last attempt has neither failed nor finished, and something was
/// written lately.
fn is_running(folder: &TaskDir) -> bool {
    let Some(attempt) = newest(folder) else { return false };
    if attempt.join("failure.json").exists() || attempt.join("result.json").exists() {
        return false;
    }
    [attempt.clone(), attempt.join("stats.jsonl"), folder.path().join("output.log")]
        .iter()
        .filter_map(|path| path.metadata().ok()?.modified().ok()?.elapsed().ok())
        .any(|age| age < SILENT)
}

/// Lines of `stats.jsonl`; one that is being written is left out.
fn stats(attempt: &Path) -> Vec<Point> {
    let text = vesalius_data::files::read::text(&attempt.join("stats.jsonl")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The last of them: long curves are not read as a whole at every look.
fn last_point(attempt: &Path) -> Option<Point> {
    let text = vesalius_data::files::read::text(&attempt.join("stats.jsonl")).ok()?;
    text.lines().rev().find_map(|line| serde_json::from_str(line).ok())
}

/// Previews of all attempts by number of images, each once.
fn previews(folder: &TaskDir) -> BTreeMap<u64, PathBuf> {
    let mut found = BTreeMap::new();
    for number in folder.attempts().unwrap_or_default() {
        let entries = std::fs::read_dir(folder.attempt(number).join("previews"));
        for path in entries.into_iter().flatten().flatten().map(|entry| entry.path()) {
            let is_png = path.extension().is_some_and(|extension| extension == "png");
            // `kimg_000012.500.png`
            let kimg = path
                .file_stem()
                .and_then(|stem| stem.to_str()?.strip_prefix("kimg_")?.parse::<f64>().ok());
            if let Some(kimg) = kimg.filter(|_| is_png) {
                found.insert((kimg * 1000.0).round() as u64, path);
            }
        }
    }
    found
}
